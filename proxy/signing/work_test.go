package signing

import (
	"encoding"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"hash"
	"strings"
	"testing"
	"time"
)

// counting is a hash that counts how often it was begun, and what was written to it.
type counting struct {
	hash interface {
		hash.Hash
		encoding.BinaryUnmarshaler
	}
	begun, bytes int
}

func (c *counting) Write(p []byte) (int, error) { c.bytes += len(p); return c.hash.Write(p) }
func (c *counting) Sum(b []byte) []byte         { return c.hash.Sum(b) }
func (c *counting) Reset()                      { c.hash.Reset() }
func (c *counting) Size() int                   { return c.hash.Size() }
func (c *counting) BlockSize() int              { return c.hash.BlockSize() }
func (c *counting) UnmarshalBinary(state []byte) error {
	c.begun++
	return c.hash.UnmarshalBinary(state)
}

// Verifying does the same work whichever key a signature is of, whichever of its bytes
// differ, and whatever it is of: the HMAC of every key, over messages of the same length.
func TestVerifyingDoesTheSameWork(t *testing.T) {
	t.Parallel()
	var keys []string
	for i := range 5 {
		keys = append(keys, strings.Repeat(string(rune('a'+i)), 32))
	}
	newSigner := func(keys ...string) *Signer {
		s, err := New(Config{Keys: keys, Lifetime: time.Hour}, "TESTSITE")
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	s := newSigner(keys...)
	count := &counting{hash: newScratch().hash}
	s.scratch.New = func() any {
		work := newScratch()
		work.hash = count
		return work
	}
	now, p := time.Unix(1790000000, 0), Permission{ID: 7, Label: "small", Project: 3}
	text := func(key string) string { return string(newSigner(key).Append(nil, p, 1790000000+1000)) }
	targets := map[string]string{"of no key": text(strings.Repeat("z", 32)), "of another capture": string(newSigner(keys[0]).Append(nil, Permission{ID: 8, Label: "small", Project: 3}, 1790000000+1000))}
	for i, key := range keys {
		targets[fmt.Sprintf("of key %d", i)] = text(key)
	}
	for i := range encoded {
		bad := []byte(text(keys[0]))
		bad[len(bad)-encoded+i] ^= 1
		targets[fmt.Sprintf("with byte %d changed", i)] = string(bad)
	}
	taken := 0
	for what, query := range targets {
		_, sig := Take([]byte("/?" + query))
		count.begun, count.bytes = 0, 0
		if s.Verify(sig, p, now) {
			taken++
		}
		// A scratch may be the pool's from before; each has the counting hash.
		if want := 2 * len(keys); count.begun != want || count.bytes != len(keys)*(3*8+len(p.Label)+32) {
			t.Errorf("%s: %d states were begun with and %d bytes hashed, want %d and %d", what, count.begun, count.bytes, want, len(keys)*(3*8+len(p.Label)+32))
		}
	}
	if taken != len(keys) {
		t.Errorf("%d signatures were taken, want %d", taken, len(keys))
	}
}

// Nothing but subtle compares a signature: not ==, nor bytes or strings or hmac or slices,
// and the loop over the keys has no way out.
func TestSignaturesAreComparedInConstantTime(t *testing.T) {
	t.Parallel()
	tree, err := parser.ParseFile(token.NewFileSet(), "signing.go", nil, parser.SkipObjectResolution)
	if err != nil {
		t.Fatal(err)
	}
	var verify *ast.FuncDecl
	for _, declaration := range tree.Decls {
		if f, ok := declaration.(*ast.FuncDecl); ok && f.Name.Name == "Verify" {
			verify = f
		}
	}
	if verify == nil {
		t.Fatal("Verify is not there")
	}
	constant, loops := 0, 0
	ast.Inspect(verify.Body, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.SelectorExpr:
			of, _ := n.X.(*ast.Ident)
			switch {
			case of == nil:
			case of.Name == "subtle" && n.Sel.Name == "ConstantTimeCompare":
				constant++
			case of.Name == "bytes", of.Name == "strings", of.Name == "slices", of.Name == "hmac":
				t.Errorf("%s.%s compares", of.Name, n.Sel.Name)
			}
		case *ast.RangeStmt:
			loops++
			ast.Inspect(n.Body, func(inner ast.Node) bool {
				switch inner.(type) {
				case *ast.BranchStmt, *ast.ReturnStmt, *ast.IfStmt, *ast.SwitchStmt:
					t.Errorf("the loop over the keys may end early: %T", inner)
				}
				return true
			})
		}
		return true
	})
	if constant != 1 || loops != 1 {
		t.Errorf("%d comparisons in constant time in %d loops, want one in one", constant, loops)
	}
}
