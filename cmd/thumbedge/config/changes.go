package config

import (
	"errors"
	"fmt"
	"reflect"
	"strconv"
	"strings"

	"github.com/thumbedge/thumbedge/cmd/thumbedge/admin"
)

// Changes returns the keys whose values are others in next, in the file's order.
func (f *File) Changes(next *File) []admin.Change {
	return changes(nil, reflect.ValueOf(*f), reflect.ValueOf(*next), "", false)
}

// NeedsRestart returns an error for each change that no reload can make, joined; nil where
// there is none.
func NeedsRestart(all []admin.Change) error {
	var errs []error
	for _, c := range all {
		if !c.Reloads {
			errs = append(errs, fmt.Errorf("%s: needs a restart to change", c.Key))
		}
	}
	return errors.Join(errs...)
}

// changes compares two tables. What reloads as a whole does so in all its keys.
func changes(into []admin.Change, old, next reflect.Value, at string, reloads bool) []admin.Change {
	fields := fieldsOf(next)
	for i, before := range fieldsOf(old) {
		into = change(into, before, fields[i], join(at, before.name), reloads || before.is(mayReload))
	}
	return into
}

func change(into []admin.Change, old, next field, key string, reloads bool) []admin.Change {
	switch {
	case same(old.value, next.value):
		return into
	case old.value.Kind() == reflect.Struct:
		return changes(into, old.value, next.value, key, reloads)
	case isTables(old.value):
		return tables(into, old.value, next.value, key, reloads)
	}
	return append(into, admin.Change{Key: key, Old: text(old), New: text(next), Reloads: reloads})
}

// same says whether two values are alike. A list that is not there is an empty one.
func same(a, b reflect.Value) bool {
	if kind := a.Kind(); (kind == reflect.Slice || kind == reflect.Map) && a.Len()+b.Len() == 0 {
		return true
	}
	return reflect.DeepEqual(a.Interface(), b.Interface())
}

// isTables says whether a value is a list of tables.
func isTables(value reflect.Value) bool {
	return value.Kind() == reflect.Slice && value.Type().Elem().Kind() == reflect.Struct
}

// tables compares two lists of tables, item by item.
func tables(into []admin.Change, old, next reflect.Value, key string, reloads bool) []admin.Change {
	for i := range max(old.Len(), next.Len()) {
		at := key + "[" + strconv.Itoa(i) + "]"
		switch {
		case i >= old.Len():
			into = append(into, admin.Change{Key: at, Old: "none", New: item(next.Index(i)), Reloads: reloads})
		case i >= next.Len():
			into = append(into, admin.Change{Key: at, Old: item(old.Index(i)), New: "none", Reloads: reloads})
		default:
			into = changes(into, old.Index(i), next.Index(i), at, reloads)
		}
	}
	return into
}

// item writes a table in a line.
func item(table reflect.Value) string {
	var parts []string
	for _, f := range fieldsOf(table) {
		parts = append(parts, f.name+" = "+admin.Written(text(f)))
	}
	return "{ " + strings.Join(parts, ", ") + " }"
}
