package page

import (
	"encoding/json"
	"os"
	"testing"

	"github.com/thumbedge/thumbedge/resolver/thumb"
)

func benchPage(b testing.TB) []byte {
	body, err := os.ReadFile("testdata/page_40_captures.json")
	if err != nil {
		b.Fatal(err)
	}
	return body
}

func BenchmarkClassify(b *testing.B) {
	body := benchPage(b)
	dst := make([]masks, chunk)
	run := func(b *testing.B, classify func([]masks, []byte)) {
		b.SetBytes(int64(len(body)))
		for b.Loop() {
			for at := 0; at+chunk*blockSize <= len(body); at += chunk * blockSize {
				classify(dst, body[at:])
			}
		}
	}
	b.Run("assembly", func(b *testing.B) { run(b, classify) })
	b.Run("go", func(b *testing.B) { run(b, classifyWords) })
}

func BenchmarkScan(b *testing.B) {
	body, s := benchPage(b), newScanner(b)
	var f Found
	b.SetBytes(int64(len(body)))
	b.ReportAllocs()
	for b.Loop() {
		if !s.Scan(&f, body, Hosts{}) || len(f.Refs) != 120 {
			b.Fatal(len(f.Refs))
		}
	}
}

func BenchmarkRewrite(b *testing.B) {
	body, s := benchPage(b), newScanner(b)
	var f Found
	var dst []byte
	b.SetBytes(int64(len(body)))
	b.ReportAllocs()
	keys := thumb.Keys("thumbnails/")
	answer := thumb.Known{Standing: thumb.Public, Digits: [thumb.MaxSpecs]uint64{1, 2, 3}}
	for b.Loop() {
		s.Scan(&f, body, Hosts{})
		r := NewRewriter(dst[:0], body)
		for i := range f.Refs {
			ref := &f.Refs[i]
			buf := append(r.Open(ref, false), "https://cdn.example.org/media/"...)
			r.Close(answer.AppendPath(buf, keys, f.IDs[ref.Capture], s.specs[ref.Position].Label, ref.Position))
		}
		dst = r.Finish()
	}
}

func BenchmarkJSONValid(b *testing.B) {
	body := benchPage(b)
	b.SetBytes(int64(len(body)))
	for b.Loop() {
		json.Valid(body)
	}
}
