package config

import (
	"fmt"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// binder puts a decoded TOML tree into a File, and collects what does not fit. It
// exists because a TOML decoder stops at the first value of a wrong type; here all
// problems are wanted at once.
type binder struct {
	getenv  func(string) (string, bool)
	found   problems
	secrets secrets
}

func (b *binder) table(into reflect.Value, tree any, at string) {
	members, ok := tree.(map[string]any)
	if !ok {
		b.found.add(at, "must be a table, [%s]", at)
		return
	}
	fields := fieldsOf(into)
	for name, value := range members {
		key := join(at, name)
		i := slices.IndexFunc(fields, func(f field) bool { return f.name == name })
		if i < 0 {
			b.found.add(key, "unknown key%s", suggest(fields, name))
			continue
		}
		b.value(fields[i], value, key)
	}
}

func (b *binder) value(into field, value any, key string) {
	switch {
	case isDuration(into.value):
		b.measure(into, value, key, `a duration such as "300ms" or "5s"`, func(text string) (int64, error) {
			d, err := parseDuration(text)
			return int64(d), err
		})
		return
	case into.is(asBytes):
		b.measure(into, value, key, `a size such as "64MiB"`, parseSize)
		return
	}
	switch into.value.Kind() {
	case reflect.Struct:
		b.table(into.value, value, key)
	case reflect.Slice:
		b.list(into, value, key)
	case reflect.String:
		if s, ok := b.string(into, value, key, "a string"); ok {
			into.value.SetString(s)
		}
	case reflect.Map:
		b.texts(into, value, key)
	case reflect.Bool:
		v, ok := value.(bool)
		if !ok {
			b.found.add(key, "must be true or false, not %s", kindOf(into, value))
		}
		into.value.SetBool(v)
	case reflect.Float64:
		switch v := value.(type) {
		case float64:
			into.value.SetFloat(v)
		case int64:
			into.value.SetFloat(float64(v))
		default:
			b.found.add(key, "must be a number, not %s", kindOf(into, value))
		}
	default:
		v, ok := value.(int64)
		if !ok {
			b.found.add(key, "must be a whole number, not %s", kindOf(into, value))
		}
		b.number(into, v, key)
	}
}

// measure reads a string that says how long or how large.
func (b *binder) measure(into field, value any, key, want string, parse func(string) (int64, error)) {
	text, ok := b.string(into, value, key, want)
	if !ok || text == "" && into.is(mayEmpty) {
		return
	}
	n, err := parse(text)
	switch {
	case err != nil && into.is(mayEmpty):
		b.found.add(key, `must be "" or %s, not %q`, want, text)
	case err != nil:
		b.found.add(key, "%s", err)
	default:
		b.number(into, n, key)
	}
}

func (b *binder) number(into field, n int64, key string) {
	if into.value.OverflowInt(n) {
		b.found.add(key, "%d is too large", n)
		return
	}
	into.value.SetInt(n)
}

func (b *binder) list(into field, value any, key string) {
	items, ok := value.([]any)
	if !ok {
		b.found.add(key, "must be a list, not %s", kindOf(into, value))
		return
	}
	if rules, ok := into.value.Addr().Interface().(plainItems); ok && !slices.ContainsFunc(items, isTable) {
		var texts []string
		b.list(into.at(reflect.ValueOf(&texts).Elem()), value, key)
		rules.SetPlain(texts)
		return
	}
	list := reflect.MakeSlice(into.value.Type(), len(items), len(items))
	for i, item := range items {
		b.value(into.at(list.Index(i)), item, key+"["+strconv.Itoa(i)+"]")
	}
	into.value.Set(list)
	if dependent, ok := into.value.Interface().(dependentItems); ok {
		dependent.SetDefaults(func(item int, name string) bool {
			members, _ := items[item].(map[string]any)
			_, said := members[name]
			return said
		})
	}
}

// texts puts a table of strings, whose names are the reader's own, into a map.
func (b *binder) texts(into field, value any, key string) {
	members, ok := value.(map[string]any)
	if !ok {
		b.found.add(key, "must be a table, not %s", kindOf(into, value))
		return
	}
	texts := reflect.MakeMap(into.value.Type())
	for name, member := range members {
		if text, ok := b.string(into, member, join(key, name), "a string"); ok {
			texts.SetMapIndex(reflect.ValueOf(name), reflect.ValueOf(text))
		}
	}
	if texts.Len() > 0 {
		into.value.Set(texts)
	}
}

// plainItems is a list of tables that may also be written as a plain list of strings.
type plainItems interface{ SetPlain(items []string) }

func isTable(item any) bool {
	_, ok := item.(map[string]any)
	return ok
}

// dependentItems is a list of tables in which a default depends on the other items.
type dependentItems interface {
	// SetDefaults fills in what the file did not say.
	SetDefaults(said func(item int, name string) bool)
}

var variable = regexp.MustCompile(`\$\{([A-Za-z_][A-Za-z0-9_]*)\}`)

// string returns a string value with its ${NAME}s replaced from the environment.
func (b *binder) string(into field, value any, key, want string) (string, bool) {
	written, ok := value.(string)
	if !ok {
		b.found.add(key, "must be %s, not %s", want, kindOf(into, value))
		return "", false
	}
	complete := true
	s := variable.ReplaceAllStringFunc(written, func(reference string) string {
		name := reference[2 : len(reference)-1]
		set, ok := b.getenv(name)
		if !ok {
			b.found.add(key, "environment variable %s is not set", name)
			complete = false
		}
		return set
	})
	b.secrets.note(written, s, into.is(isSecret))
	return s, complete
}

// suggest names the key that was probably meant: one that differs by case,
// dashes, or a letter or two.
func suggest(fields []field, key string) string {
	plain := strings.ToLower(strings.ReplaceAll(key, "-", "_"))
	for _, f := range fields {
		if f.name == plain || distance(f.name, plain) <= 2 {
			return fmt.Sprintf(", did you mean %s?", f.name)
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

// kindOf says what stands where something else should.
func kindOf(into field, value any) string {
	if into.is(isSecret) {
		return "what is there"
	}
	switch v := value.(type) {
	case string:
		return fmt.Sprintf("the string %q", hide(v, false))
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
