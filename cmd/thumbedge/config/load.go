package config

import (
	"errors"
	"fmt"
	"os"
	"reflect"

	"github.com/pelletier/go-toml/v2"
)

// Load reads the configuration file at path, with the environment of this
// process. The error joins every Problem of the file.
func Load(path string) (*File, error) {
	document, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("reading the configuration: %w", err)
	}
	return Parse(path, document, os.LookupEnv)
}

// Parse reads a configuration file's contents; name stands in its problems, and
// getenv gives the variables that its strings refer to. The error joins every
// Problem.
func Parse(name string, document []byte, getenv func(string) (string, bool)) (*File, error) {
	var tree map[string]any
	if err := toml.Unmarshal(document, &tree); err != nil {
		var syntax *toml.DecodeError
		if errors.As(err, &syntax) {
			line, _ := syntax.Position()
			return nil, Problem{File: name, Line: line, Text: syntax.Error()}
		}
		return nil, Problem{File: name, Text: err.Error()}
	}
	file := Defaults()
	b := binder{getenv: getenv}
	b.table(reflect.ValueOf(file).Elem(), tree, "")
	// What a mistyped value would have been is not there to be judged; its key has its
	// problem already, which keeps validation from adding another.
	for _, err := range file.validations() {
		b.found.validation(err)
	}
	if len(b.found) > 0 {
		return nil, b.found.join(name, linesOf(document))
	}
	return file, nil
}
