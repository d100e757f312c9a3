package config

import (
	"encoding"
	"fmt"
	"reflect"
	"regexp"
	"strconv"
	"strings"
)

// binder puts a decoded TOML tree into a File, and collects what does not fit. It
// exists because a TOML decoder stops at the first value of a wrong type; here all
// problems are wanted at once.
type binder struct {
	getenv func(string) (string, bool)
	found  problems
}

func (b *binder) table(into reflect.Value, tree any, at string) {
	members, ok := tree.(map[string]any)
	if !ok {
		b.found.add(at, "must be a table, [%s]", at)
		return
	}
	for name, value := range members {
		key := join(at, name)
		field, ok := fieldByKey(into, name)
		if !ok {
			b.found.add(key, "unknown key%s", suggest(into.Type(), name))
			continue
		}
		b.value(field, value, key)
	}
}

func (b *binder) value(into reflect.Value, value any, key string) {
	if text, ok := into.Addr().Interface().(encoding.TextUnmarshaler); ok {
		s, ok := b.string(value, key, `a string such as "64MiB" or "300ms"`)
		if !ok {
			return
		}
		if err := text.UnmarshalText([]byte(s)); err != nil {
			b.found.add(key, "%s", err)
		}
		return
	}
	switch into.Kind() {
	case reflect.Struct:
		b.table(into, value, key)
	case reflect.Slice:
		b.list(into, value, key)
	case reflect.Pointer:
		into.Set(reflect.New(into.Type().Elem()))
		b.value(into.Elem(), value, key)
	case reflect.String:
		if s, ok := b.string(value, key, "a string"); ok {
			into.SetString(s)
		}
	case reflect.Bool:
		v, ok := value.(bool)
		if !ok {
			b.found.add(key, "must be true or false, not %s", kindOf(value))
		}
		into.SetBool(v)
	default:
		v, ok := value.(int64)
		if !ok {
			b.found.add(key, "must be a whole number, not %s", kindOf(value))
		}
		into.SetInt(v)
	}
}

func (b *binder) list(into reflect.Value, value any, key string) {
	items, ok := value.([]any)
	if !ok {
		b.found.add(key, "must be a list, not %s", kindOf(value))
		return
	}
	list := reflect.MakeSlice(into.Type(), len(items), len(items))
	for i, item := range items {
		b.value(list.Index(i), item, key+"["+strconv.Itoa(i)+"]")
	}
	into.Set(list)
}

var variable = regexp.MustCompile(`\$\{([A-Za-z_][A-Za-z0-9_]*)\}`)

// string returns a string value with its ${NAME}s replaced from the environment.
func (b *binder) string(value any, key, want string) (string, bool) {
	s, ok := value.(string)
	if !ok {
		b.found.add(key, "must be %s, not %s", want, kindOf(value))
		return "", false
	}
	complete := true
	s = variable.ReplaceAllStringFunc(s, func(reference string) string {
		name := reference[2 : len(reference)-1]
		set, ok := b.getenv(name)
		if !ok {
			b.found.add(key, "environment variable %s is not set", name)
			complete = false
		}
		return set
	})
	return s, complete
}

func fieldByKey(in reflect.Value, key string) (reflect.Value, bool) {
	for i := range in.NumField() {
		if in.Type().Field(i).Tag.Get("toml") == key {
			return in.Field(i), true
		}
	}
	return reflect.Value{}, false
}

// suggest names the key that was probably meant: one that differs by case,
// dashes, or a letter or two.
func suggest(in reflect.Type, key string) string {
	plain := strings.ToLower(strings.ReplaceAll(key, "-", "_"))
	for i := range in.NumField() {
		known := in.Field(i).Tag.Get("toml")
		if known == plain || distance(known, plain) <= 2 {
			return fmt.Sprintf(", did you mean %s?", known)
		}
	}
	return ""
}

// distance is the Levenshtein distance of two short words.
func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			cost := diagonal
			if a[i] != b[j] {
				cost++
			}
			diagonal = row[j+1]
			row[j+1] = min(cost, row[j]+1, row[j+1]+1)
		}
	}
	return row[len(b)]
}

func kindOf(value any) string {
	switch v := value.(type) {
	case string:
		return fmt.Sprintf("the string %q", v)
	case bool:
		return strconv.FormatBool(v)
	case int64:
		return strconv.FormatInt(v, 10)
	case float64:
		return strconv.FormatFloat(v, 'g', -1, 64)
	case map[string]any:
		return "a table"
	case []any:
		return "a list"
	}
	return "a date"
}

func join(at, name string) string {
	if at == "" {
		return name
	}
	return at + "." + name
}
