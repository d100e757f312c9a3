package config

import (
	"reflect"
	"slices"
	"strings"
	"time"
)

// field is one key of a table, and where its value lies in the struct that the table
// stands for. Its tag says how it is written:
//
//	MaxBody int64         `toml:"max_body,bytes"`  a size such as "64MiB"
//	Presign time.Duration `toml:"presign,empty"`   "" stands for 0
//	Token   string        `toml:"token,secret"`    never shown
//	Level   string        `toml:"level,reload"`    changes while serving; other keys need a restart
//
// A field without a tag is no key: wiring (file.go) or the package itself sets it.
type field struct {
	name    string
	value   reflect.Value
	options []string
}

// The options of a tag.
const (
	asBytes  = "bytes"
	mayEmpty = "empty"
	isSecret = "secret"
	// mayReload: a reload changes it. Of a table it stands for all keys in it.
	mayReload = "reload"
)

func (f field) is(option string) bool { return slices.Contains(f.options, option) }

// at is the same field with another value: that of an item of a list, say.
func (f field) at(value reflect.Value) field {
	f.value = value
	return f
}

// fieldsOf returns the keys of a struct, in its order. Those of an embedded struct
// stand among its holder's.
func fieldsOf(table reflect.Value) []field {
	var fields []field
	for i := range table.NumField() {
		declared := table.Type().Field(i)
		if declared.Anonymous {
			fields = append(fields, fieldsOf(table.Field(i))...)
			continue
		}
		tag, ok := declared.Tag.Lookup("toml")
		if !ok {
			continue
		}
		parts := strings.Split(tag, ",")
		fields = append(fields, field{name: parts[0], value: table.Field(i), options: parts[1:]})
	}
	return fields
}

func isDuration(value reflect.Value) bool { return value.Type() == reflect.TypeFor[time.Duration]() }
