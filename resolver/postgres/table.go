package postgres

import (
	"strings"

	"github.com/thumbedge/thumbedge/resolver/thumb"
)

// Table is one of the two tables of thumbnail rows, with the storage in which their files
// lie: the app's, of public thumbnails, or our own, of the private ones of draft projects.
// What it does of the one touches nothing of the other.
type Table struct {
	*link
	// schema says whether what the table needs of schema thumbedge is there.
	schema *schema
	// storage is the name of the storage's table in the configuration.
	storage string
	keys    thumb.Keys
	place   *strings.Replacer // puts the tables' names into SQL
	app     string            // the app's table of thumbnail rows, quoted
	private bool
	// checks says whether rows are written only of captures that may have them here.
	checks bool
}

// The names by which the storages, and their sites' identities, go.
const (
	publicStorage  = "storage"
	privateStorage = "storage.private"
)

// sql puts the tables' names into a statement.
func (t *Table) sql(template string) string { return t.place.Replace(template) }

// Private returns the table of private thumbnails; nil where there is no private storage.
func (s *Store) Private() *Table { return s.private }

// newTables makes both tables; the private one is nil where there is no private storage.
func newTables(cfg *Config, l *link) (public, private *Table) {
	app := quote(cfg.Tables.Thumbnail)
	public = &Table{
		link: l, schema: &schema{}, storage: publicStorage, keys: cfg.Keys, app: app, checks: cfg.PrivateKeys != "",
		place: cfg.Tables.replacer("thumbedge.file_to_delete"),
	}
	if cfg.PrivateKeys == "" {
		return public, nil
	}
	ours := cfg.Tables
	ours.Thumbnail = "thumbedge.private_thumbnail"
	return public, &Table{
		link: l, schema: &schema{}, storage: privateStorage, keys: cfg.PrivateKeys, app: app, private: true, checks: true,
		place: ours.replacer("thumbedge.private_file_to_delete"),
	}
}

// IsPrivate says whether it is the table of private thumbnails.
func (t *Table) IsPrivate() bool { return t.private }
