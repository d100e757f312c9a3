package source

import (
	"bufio"
	"bytes"
	"compress/flate"
	"compress/gzip"
	"compress/zlib"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"

	"github.com/thumbedge/thumbedge/resolver/thumb"
)

// Some servers code a body although identity was asked for, and some name codings
// that are none (aws-chunked, which Ceph and NooBaa keep from the upload). The app's
// HTTP client undoes gzip and deflate, and ignores every other name. So does this.

// decoded returns a body with its codings undone, and whether there were any. Errors of
// a coding are errUncoded; those of the body stay what they are.
func decoded(header http.Header, body io.Reader) (io.Reader, bool) {
	coded := false
	names := strings.Split(strings.Join(header.Values("Content-Encoding"), ","), ",")
	for i := len(names) - 1; i >= 0; i-- { // the last one was applied last
		switch strings.ToLower(strings.TrimSpace(names[i])) {
		case "gzip", "x-gzip":
			body, coded = &decoder{coded: body, open: openGzip}, true
		case "deflate":
			body, coded = &decoder{coded: body, open: openDeflate}, true
		}
	}
	return body, coded
}

// errUncoded: the body is not in the coding that its header names.
var errUncoded = fmt.Errorf("%w: it is not in the coding that its server names", thumb.ErrOriginalUnusable)

// decoder undoes one coding, which it opens at the first read. A stream that ends early
// gives what it held, as in the app's client: whether that is enough of a picture, the
// renderer knows.
type decoder struct {
	coded io.Reader
	open  func(*codedBody) (io.Reader, error)
	body  *codedBody
	plain io.Reader
}

// codedBody is a body, whose own error is kept apart from the coding's.
type codedBody struct {
	*bufio.Reader
	failed error // of the body
}

func (d *decoder) Read(p []byte) (int, error) {
	if d.plain == nil {
		d.body = &codedBody{}
		d.body.Reader = bufio.NewReader(readerFunc(func(p []byte) (int, error) {
			n, err := d.coded.Read(p)
			if err != nil && !errors.Is(err, io.EOF) {
				d.body.failed = err
			}
			return n, err
		}))
		plain, err := d.open(d.body)
		if err != nil {
			return 0, d.fault(err)
		}
		d.plain = plain
	}
	n, err := d.plain.Read(p)
	return n, d.fault(err)
}

func (d *decoder) fault(err error) error {
	switch {
	case d.body.failed != nil:
		return d.body.failed
	case err == nil, errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		if err != nil {
			return io.EOF
		}
		return nil
	}
	return fmt.Errorf("%w: %w", errUncoded, err)
}

type readerFunc func(p []byte) (int, error)

func (f readerFunc) Read(p []byte) (int, error) { return f(p) }

// openGzip undoes gzip: all of its members, and not what follows them.
func openGzip(coded *codedBody) (io.Reader, error) {
	first, err := gzip.NewReader(coded)
	if err != nil {
		return nil, err
	}
	first.Multistream(false)
	return &members{coded: coded, member: first}, nil
}

// members reads the members of a gzip stream one after the other, up to the first bytes
// that begin none.
type members struct {
	coded  *codedBody
	member *gzip.Reader
}

func (m *members) Read(p []byte) (int, error) {
	n, err := m.member.Read(p)
	switch {
	case !errors.Is(err, io.EOF):
		return n, err
	case n > 0:
		return n, nil // the next read looks for another member
	}
	if head, _ := m.coded.Peek(2); !bytes.Equal(head, []byte{0x1f, 0x8b}) {
		return 0, io.EOF
	}
	if err := m.member.Reset(m.coded); err != nil {
		return 0, err
	}
	m.member.Multistream(false)
	return 0, nil
}

// openDeflate undoes deflate: zlib's format (RFC 1950), as the name means, or the bare
// stream (RFC 1951) that some servers send.
func openDeflate(coded *codedBody) (io.Reader, error) {
	head, err := coded.Peek(2)
	if len(head) < 2 {
		return nil, err
	}
	if head[0]&0x0f == 8 && (int(head[0])<<8|int(head[1]))%31 == 0 {
		return zlib.NewReader(coded)
	}
	return flate.NewReader(coded), nil
}
