package coding_test

import (
	"bytes"
	"errors"
	"io"
	"testing"

	"github.com/thumbedge/thumbedge/proxy/coding"
)

// decode returns what a body says in a coding.
func decode(c *coding.Coding, body []byte) (text []byte, err error) {
	err = c.Decode(body, func(r io.Reader) (err error) {
		text, err = io.ReadAll(r)
		return err
	})
	return text, err
}

// FuzzCodings: what is encoded decodes to what it was, and whatever else is decoded is an
// error of its own or some text, with a decoder that has seen either before.
func FuzzCodings(f *testing.F) {
	f.Add([]byte(`{"thumbnails":{}}`))
	f.Add([]byte{})
	f.Add(bytes.Repeat([]byte("night "), 40_000))
	codings := coding.All()
	f.Fuzz(func(t *testing.T, text []byte) {
		for _, c := range codings {
			if _, err := decode(c, text); err != nil && !errors.Is(err, coding.ErrBroken) {
				t.Errorf("%s: %v is not marked as broken", c.Name, err)
			}
			packed, err := c.Append([]byte("head"), text, func(int) {})
			if err != nil || !bytes.HasPrefix(packed, []byte("head")) {
				t.Fatalf("%s: %v", c.Name, err)
			}
			if got, err := decode(c, packed[4:]); err != nil || !bytes.Equal(got, text) {
				t.Errorf("%s: %d bytes became %d, %v", c.Name, len(text), len(got), err)
			}
		}
	})
}

// The error of whoever reads is told as it is.
func TestReadersErrorStays(t *testing.T) {
	t.Parallel()
	own := errors.New("enough")
	for _, c := range coding.All() {
		if err := c.Decode(nil, func(io.Reader) error { return own }); !errors.Is(err, own) && !errors.Is(err, coding.ErrBroken) {
			t.Errorf("%s: %v", c.Name, err)
		}
	}
}
