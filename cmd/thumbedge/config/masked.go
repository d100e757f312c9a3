package config

import (
	"fmt"
	"net/url"
	"reflect"
	"slices"
	"strings"

	"github.com/thumbedge/thumbedge/cmd/thumbedge/admin"
)

// mask stands where a secret is set.
const mask = "(hidden)"

// Masked returns every key in the file's order with the value in force, and no
// secret: what is tagged as one is hidden, and so is a password inside any URL. Of a
// secret that is a URL (database.url) the rest is shown, for an operator looks for
// the host there.
func (f *File) Masked() []admin.Setting { return settings(nil, reflect.ValueOf(*f), "") }

func settings(into []admin.Setting, table reflect.Value, at string) []admin.Setting {
	for _, f := range fieldsOf(table) {
		key := join(at, f.name)
		switch {
		case f.value.Kind() == reflect.Struct:
			into = settings(into, f.value, key)
		case isTables(f.value) && f.value.Len() > 0:
			for i := range f.value.Len() {
				into = settings(into, f.value.Index(i), fmt.Sprintf("%s[%d]", key, i))
			}
		default:
			into = append(into, admin.Setting{Key: key, Value: text(f)})
		}
	}
	return into
}

// text writes the value of a key that is no table, without what nobody should read.
func text(f field) string {
	var parts []string
	switch f.value.Kind() {
	case reflect.Slice:
		for i := range f.value.Len() {
			parts = append(parts, shown(f.at(f.value.Index(i))))
		}
	case reflect.Map:
		for _, name := range f.value.MapKeys() {
			parts = append(parts, name.String()) // a value may be a secret
		}
		slices.Sort(parts)
	default:
		return shown(f)
	}
	return strings.Join(parts, ", ")
}

// shown writes a value as the file would, without what nobody should read.
func shown(f field) string {
	switch {
	case f.is(mayEmpty) && f.value.IsZero():
		return ""
	case f.is(asBytes):
		return formatSize(f.value.Int())
	}
	return hide(fmt.Sprint(f.value), f.is(isSecret))
}

// hide returns text without what nobody should read. What cannot be understood as
// a URL, though it may hold a password, is hidden as a whole.
func hide(text string, secret bool) string {
	if text == "" || !secret && !strings.Contains(text, "://") {
		return text
	}
	u, err := url.Parse(text)
	if err != nil || u.Host == "" {
		return mask
	}
	query := u.Query()
	for name := range query {
		if strings.Contains(strings.ToLower(name), "pass") {
			query.Set(name, mask)
			u.RawQuery = query.Encode()
		}
	}
	_, password := u.User.Password()
	switch {
	case u.User == nil:
		return u.String()
	case password || strings.HasPrefix(u.Scheme, "http"): // a name without a password is a token there
		name := u.User.Username()
		if !password {
			name = mask
		}
		shown := *u
		shown.User = nil
		return strings.Replace(shown.String(), "://", "://"+name+":"+mask+"@", 1)
	}
	return u.String()
}
