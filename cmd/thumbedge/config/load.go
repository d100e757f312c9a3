package config

import (
	"errors"
	"fmt"
	"os"
	"reflect"

	"github.com/pelletier/go-toml/v2"

	"github.com/thumbedge/thumbedge/cmd/thumbedge/machine"
)

// Load reads the configuration file at path, for this process: with its environment,
// and within the memory that there is. The error joins every Problem of the file.
func Load(path string) (*File, error) {
	document, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("reading the configuration: %w", err)
	}
	return parse(path, document, os.LookupEnv, machine.ReadMemory())
}

// Parse reads a configuration file's contents; name stands in its problems, and
// getenv gives the variables that its strings refer to. Of the machine it asks
// nothing. The error joins every Problem.
func Parse(name string, document []byte, getenv func(string) (string, bool)) (*File, error) {
	return parse(name, document, getenv, machine.Memory{})
}

func parse(name string, document []byte, getenv func(string) (string, bool), memory machine.Memory) (*File, error) {
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
	for _, err := range append(file.validations(), file.fits(memory)) {
		b.found.validation(err)
	}
	for i := range b.found {
		b.found[i].Text = b.secrets.hideIn(b.found[i].Text)
	}
	if len(b.found) > 0 {
		return nil, b.found.join(name, linesOf(document))
	}
	return file, nil
}
