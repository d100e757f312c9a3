package postgres

// DraftsToo is the page query where drafts are told apart.
func DraftsToo(tables Tables) string {
	return tables.replacer("thumbedge.file_to_delete").Replace(draftsToo)
}
