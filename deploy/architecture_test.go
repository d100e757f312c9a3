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

// TestEachLockHasItsRow: each struct with a lock in what requests go through has a row in the
// table of locks, and each lock and test that the section names is where it says.
func TestEachLockHasItsRow(t *testing.T) {
	t.Parallel()
	document, err := os.ReadFile("../ARCHITECTURE.md")
	if err != nil {
		t.Fatal(err)
	}
	_, section, found := strings.Cut(string(document), "## What each lock may hold up")
	section, _, more := strings.Cut(section, "\n## ")
	if !found || !more {
		t.Fatal("the table is not there")
	}
	rows := map[string]bool{}
	for _, named := range place.FindAllStringSubmatch(section, -1) {
		rows[named[1]+": "+named[2]] = true
		if !declares(t, filepath.Join("..", named[1]), named[2]) {
			t.Errorf("%s has no %s", named[1], named[2])
		}
	}
	locks := 0
	for _, root := range []string{"proxy", "resolver", "imaging", "internal/curve", "internal/disk"} {
		err := filepath.WalkDir(filepath.Join("..", root), func(path string, entry os.DirEntry, err error) error {
			if err != nil || entry.IsDir() || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") || entry.Name() == "testdata" || strings.Contains(path, "wiretest") {
				return err
			}
			for _, name := range locksIn(t, path) {
				locks++
				if lock := strings.TrimPrefix(filepath.ToSlash(path), "../") + ": " + name; !rows[lock] {
					t.Errorf("the lock of %s has no row", lock)
				}
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	if locks < 20 {
		t.Errorf("%d locks were found, want 20 at least", locks)
	}
}

// locksIn returns the structs of a file that have a lock.
func locksIn(t *testing.T, file string) (names []string) {
	t.Helper()
	source, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	tree, err := parser.ParseFile(token.NewFileSet(), file, source, parser.SkipObjectResolution)
	if err != nil {
		t.Fatal(err)
	}
	ast.Inspect(tree, func(n ast.Node) bool {
		spec, ok := n.(*ast.TypeSpec)
		if !ok {
			return true
		}
		text := string(source[spec.Pos()-1 : spec.End()-1])
		if strings.Contains(text, "sync.Mutex") || strings.Contains(text, "sync.RWMutex") {
			names = append(names, spec.Name.Name)
		}
		return false
	})
	return names
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
