package config

import (
	"fmt"
	"net/url"
	"reflect"
	"strings"
)

// mask stands where a secret is set.
const mask = "(hidden)"

// Setting is one key of the configuration with its value in force, fit to be shown.
type Setting struct {
	Key   string `json:"key"`
	Value string `json:"value"`
}

// Masked returns every key in the file's order with the value in force, and no
// secret: what is tagged as one is hidden, and so is a password inside any URL. Of a
// secret that is a URL (database.url) the rest is shown, for an operator looks for
// the host there.
func (f *File) Masked() []Setting {
	effective := *f
	effective.Thumbnails = nil
	for _, spec := range f.Specs() {
		effective.Thumbnails = append(effective.Thumbnails, Thumbnail{
			Label: spec.Label, Width: spec.Width, Height: spec.Height, FallbackOriginal: &spec.FallbackOriginal,
		})
	}
	return settings(nil, reflect.ValueOf(effective), "", false)
}

func settings(into []Setting, value reflect.Value, key string, secret bool) []Setting {
	if text, ok := value.Interface().(fmt.Stringer); ok {
		return append(into, Setting{key, text.String()})
	}
	switch value.Kind() {
	case reflect.Struct:
		for i := range value.NumField() {
			field := value.Type().Field(i)
			into = settings(into, value.Field(i), join(key, field.Tag.Get("toml")), field.Tag.Get("secret") == "true")
		}
		return into
	case reflect.Pointer:
		return settings(into, value.Elem(), key, secret)
	case reflect.String:
		return append(into, Setting{key, hide(value.String(), secret)})
	case reflect.Slice:
		if value.Type().Elem().Kind() == reflect.Struct {
			for i := range value.Len() {
				into = settings(into, value.Index(i), fmt.Sprintf("%s[%d]", key, i), secret)
			}
			return into
		}
		items := make([]string, value.Len())
		for i := range items {
			items[i] = hide(fmt.Sprint(value.Index(i)), secret)
		}
		return append(into, Setting{key, strings.Join(items, ", ")})
	}
	return append(into, Setting{key, fmt.Sprint(value)})
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
