package config

import (
	"fmt"
	"reflect"
)

// Tree returns the configuration as tables and values that a TOML library writes: every
// key, with the value in force. Unlike Masked it holds the secrets.
func (f *File) Tree() map[string]any { return tree(reflect.ValueOf(*f)) }

func tree(table reflect.Value) map[string]any {
	members := map[string]any{}
	for _, f := range fieldsOf(table) {
		members[f.name] = written(f)
	}
	return members
}

// written is a value as the file has it.
func written(f field) any {
	switch kind := f.value.Kind(); {
	case f.is(mayEmpty) && f.value.IsZero():
		return ""
	case f.is(asBytes):
		return formatSize(f.value.Int())
	case isDuration(f.value):
		return fmt.Sprint(f.value)
	case kind == reflect.Struct:
		return tree(f.value)
	case kind == reflect.Slice:
		items := make([]any, f.value.Len())
		for i := range items {
			items[i] = written(f.at(f.value.Index(i)))
		}
		return items
	}
	return f.value.Interface()
}
