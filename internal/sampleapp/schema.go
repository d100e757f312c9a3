package sampleapp

import _ "embed"

// Schema is the SQL that makes the app's tables in an empty database.
//
//go:embed schema.sql
var Schema string
