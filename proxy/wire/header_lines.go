package wire

import (
	"bytes"
	"iter"

	"github.com/thumbedge/thumbedge/proxy/wire/field"
)

// Lines yields the name and the value of each line that goes on to the client, as the
// app wrote them. The header must not be edited meanwhile.
func (h *Header) Lines() iter.Seq2[[]byte, []byte] {
	return func(yield func(name, value []byte) bool) {
		for lines := h.lines; len(lines) > 0; {
			end := bytes.IndexByte(lines, '\n') + 1
			name, value, _ := field.Cut(lines[:end-len(crlf)])
			if lines = lines[end:]; !yield(name, value) {
				return
			}
		}
	}
}

// Raw returns the lines that go on to the client, each with its CRLF. They stay until the
// header is edited.
func (h *Header) Raw() []byte { return h.lines }

// Reason returns the text of the status line.
func (h *Header) Reason() []byte { return h.read.StatusMessage() }
