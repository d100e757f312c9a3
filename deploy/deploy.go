// Package deploy holds what operators deploy beside the program. What the program shows of
// it is built in.
package deploy

import _ "embed"

// Runbook is the runbook of this build: the admin listener shows it.
//
//go:embed RUNBOOK.md
var Runbook string
