package deploy_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// place is one answer of ARCHITECTURE.md's table: `folder/file.go`: `Name` or `Type.Method`.
var place = regexp.MustCompile("`([a-z0-9_/]+\\.go)`: `([A-Za-z0-9_.]+)`")

// TestArchitectureNamesWhatIs: each function that the table "Where is …?" names as an
// answer is in the file that it names.
func TestArchitectureNamesWhatIs(t *testing.T) {
	t.Parallel()
	document, err := os.ReadFile("../ARCHITECTURE.md")
	if err != nil {
		t.Fatal(err)
	}
	_, table, found := strings.Cut(string(document), "## Where is …?")
	if !found {
		t.Fatal("the table is not there")
	}
	questions := 0
	for line := range strings.Lines(table) {
		if !strings.HasPrefix(line, "| ") || strings.HasPrefix(line, "| Where") {
			continue
		}
		questions++
		answers := place.FindAllStringSubmatch(line, -1)
		if len(answers) == 0 {
			t.Errorf("no function answers %s", line)
		}
		for _, answer := range answers {
			if !declares(t, filepath.Join("..", answer[1]), answer[2]) {
				t.Errorf("%s has no %s", answer[1], answer[2])
			}
		}
	}
	if questions < 20 {
		t.Errorf("%d questions, want 20 at least", questions)
	}
}

// declares says whether a file declares a name: a function, Type.Method, a type, a
// constant or a variable.
func declares(t *testing.T, file, name string) bool {
	t.Helper()
	tree, err := parser.ParseFile(token.NewFileSet(), file, nil, parser.SkipObjectResolution)
	if err != nil {
		t.Error(err)
		return false
	}
	for _, declaration := range tree.Decls {
		switch d := declaration.(type) {
		case *ast.FuncDecl:
			if functionName(d) == name {
				return true
			}
		case *ast.GenDecl:
			for _, spec := range d.Specs {
				switch s := spec.(type) {
				case *ast.TypeSpec:
					if s.Name.Name == name {
						return true
					}
				case *ast.ValueSpec:
					for _, ident := range s.Names {
						if ident.Name == name {
							return true
						}
					}
				}
			}
		}
	}
	return false
}

// functionName is Name, or Type.Name of a method.
func functionName(f *ast.FuncDecl) string {
	if f.Recv == nil {
		return f.Name.Name
	}
	receiver := f.Recv.List[0].Type
	if star, ok := receiver.(*ast.StarExpr); ok {
		receiver = star.X
	}
	if generic, ok := receiver.(*ast.IndexExpr); ok {
		receiver = generic.X
	}
	if ident, ok := receiver.(*ast.Ident); ok {
		return ident.Name + "." + f.Name.Name
	}
	return f.Name.Name
}
