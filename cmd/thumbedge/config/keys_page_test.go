package config

import (
	"flag"
	"fmt"
	"os"
	"reflect"
	"regexp"
	"strings"
	"testing"
)

const keysPage = "../../../deploy/CONFIGURATION.md"

// TestKeysPage compares the page of all keys with what the code and the example say;
// -update writes it.
func TestKeysPage(t *testing.T) {
	t.Parallel()
	example, err := os.ReadFile("../../../config.example.toml")
	if err != nil {
		t.Fatal(err)
	}
	want := writeKeys(t, string(example))
	if flag.Lookup("update").Value.String() == "true" {
		if err := os.WriteFile(keysPage, []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if got, err := os.ReadFile(keysPage); err != nil || string(got) != want {
		t.Errorf("deploy/CONFIGURATION.md is not what the code says, %v; go test ./cmd/thumbedge/config -run TestKeysPage -update writes it", err)
	}
	if n := strings.Count(want, "\n| `"); n < 110 {
		t.Errorf("%d keys", n)
	}
}

// keyLine is a key of the example: its name, its value, and what is said of it.
var keyLine = regexp.MustCompile(`^([a-z_]+) = (.*?)\s*(?:# (.*))?$`)

// writeKeys writes the page: types are the code's, values and words the example's.
func writeKeys(t *testing.T, example string) string {
	t.Helper()
	types, reloads := map[string]string{}, map[string]bool{}
	typesOf(types, reloads, "", reflect.ValueOf(Defaults()).Elem(), false)
	var page strings.Builder
	page.WriteString("# Configuration\n\nEvery key of the file, its type, its default, and when to change it. A test writes this page from the code and from\n" +
		"[config.example.toml](../config.example.toml), and compares it. `${NAME}` in a string is taken from the environment.\n" +
		"Keys that change by *reload* are taken from the changed file by `SIGHUP`, see [Reload](RUNBOOK.md#reload).\n")
	section, above := "", []string(nil)
	seen := map[string]bool{}
	for line := range strings.Lines(example) {
		line = strings.TrimSpace(line)
		name, isTable := strings.CutPrefix(line, "[")
		switch match := keyLine.FindStringSubmatch(line); {
		case isTable:
			name, said, _ := strings.Cut(name, "]")
			name = strings.Trim(name, "[]")
			if said = strings.TrimLeft(said, "] #"); said != "" {
				above = append(above, said)
			}
			if name != section {
				section = name
				fmt.Fprintf(&page, "\n## [%s]\n\n", section)
				if len(above) > 0 {
					page.WriteString(strings.Join(above, "\n") + "\n\n")
				}
				page.WriteString("| key | type | default | changes by | |\n|---|---|---|---|---|\n")
			}
			above = nil
		case match != nil:
			key := section + "." + match[1]
			if types[key] == "" {
				t.Errorf("the code has no key %s", key)
			}
			if !seen[key] {
				said := strings.ReplaceAll(strings.Join(append(above, match[3]), " "), "|", `\|`)
				fmt.Fprintf(&page, "| `%s` | %s | `%s` | %s | %s |\n", match[1], types[key], strings.ReplaceAll(match[2], "|", `\|`), needs(reloads[key]), strings.TrimSpace(said))
			}
			seen[key], above = true, nil
		case strings.HasPrefix(line, "#") && !strings.HasPrefix(line, "# driver ="):
			above = append(above, strings.TrimSpace(line[1:]))
		case line == "":
			above = nil
		}
	}
	for key := range types {
		if !seen[key] && !strings.HasPrefix(key, "rewrite.prefetch.") {
			t.Errorf("the example has no key %s", key)
		}
	}
	return page.String()
}

// needs says how a key changes.
func needs(reloads bool) string {
	if reloads {
		return "reload"
	}
	return "restart"
}

// typesOf collects the type of each key, and which keys a reload changes.
func typesOf(types map[string]string, reloads map[string]bool, at string, table reflect.Value, all bool) {
	for _, f := range fieldsOf(table) {
		key, kind := join(at, f.name), f.value.Kind()
		reload := all || f.is(mayReload)
		reloads[key] = reload
		switch {
		case kind == reflect.Struct:
			typesOf(types, reloads, key, f.value, reload)
		case kind == reflect.Slice && f.value.Type().Elem().Kind() == reflect.Struct:
			typesOf(types, reloads, key, reflect.Zero(f.value.Type().Elem()), reload)
			if _, plain := f.value.Addr().Interface().(plainItems); plain {
				types[key] = "list"
			}
		case isDuration(f.value):
			types[key] = "duration"
		case f.is(asBytes):
			types[key] = "size"
		default:
			types[key] = map[reflect.Kind]string{reflect.Slice: "list", reflect.Map: "table", reflect.String: "string", reflect.Bool: "true or false"}[kind]
			if types[key] == "" {
				types[key] = "number"
			}
		}
	}
}
