package proxy

import (
	"bytes"
	"math/bits"
	"regexp"
	"slices"
	"strconv"

	"github.com/cespare/xxhash/v2"
	"github.com/valyala/fasthttp"

	"github.com/thumbedge/thumbedge/proxy/wire"
	"github.com/thumbedge/thumbedge/proxy/wire/field"
	"github.com/thumbedge/thumbedge/resolver/thumb"
)

// The entity tag of a rewritten page is W/"te-<hash>-<s or w>-<the app's tag>", where
// s or w says whether the app's tag was a strong one; the last two parts are missing
// where the app gave none. A client that changes what it saw sends the tag back in
// If-Match: the app is given its own tag again.
const tagPrefix = `"te-`

var carryingTag = regexp.MustCompile(`(?:W/)?"te-[0-9a-f]{1,16}-([sw])-([^"]*)"`)

// decided is a hash of everything that decides the bytes of a rewritten body beside those
// of the app's. Whatever else comes to put bytes into one must add what decides them: else
// a client that has an older body is told that it is the present one, with URLs in it that
// have stopped to work. It holds no part of the configuration as such, only what is made
// of that, and nothing that differs between replicas.
type decided uint64

// add adds a number, and addText a text, behind what was added before.
func (d *decided) add(n uint64) {
	*d = decided((bits.RotateLeft64(uint64(*d), 29) ^ n) * 0x9e3779b97f4a7c15)
}

func (d *decided) addText(text []byte) { d.add(xxhash.Sum64(text)) }

// decidesOf returns what stands for the labels, by position.
func decidesOf(specs thumb.Specs) (hashes [thumb.MaxSpecs]uint64) {
	for position, spec := range specs {
		hashes[position] = xxhash.Sum64String(spec.Label)
	}
	return hashes
}

// addURLs adds how a page's storage URLs are written: where the files lie, and which access
// key signed the URLs for which moment.
func (d *decided) addURLs(urls *thumb.StorageURLs) {
	d.add(xxhash.Sum64String(urls.Base))
	d.add(xxhash.Sum64String(string(urls.Own)))
	if urls.Signer != nil {
		d.addText(urls.Signer.Name())
	}
}

// addURL adds which file a storage URL is of, and where in the app's body it was put.
func (d *decided) addURL(at int, id thumb.ID, known *thumb.Known, label uint64, position int) {
	d.add(label + uint64(at))
	d.add(uint64(id))
	d.add(known.Digits[position])
	if known.Paths != nil {
		d.add(xxhash.Sum64String(known.Paths[position]))
	}
}

// appendTag appends the weak entity tag of a rewritten body, which every replica
// gives alike. Where the app's own tag says which body was rewritten, that and what was
// decided say the rest; otherwise the body itself is hashed, all of it, by sumOf.
func appendTag(dst, appTag []byte, decided decided, sumOf func() uint64) []byte {
	decided.addText(appTag)
	sum := uint64(decided)
	if len(appTag) == 0 {
		sum = sumOf()
	}
	dst = append(append(dst, "W/"...), tagPrefix...)
	dst = strconv.AppendUint(dst, sum, 16)
	if opaque := bytes.TrimPrefix(appTag, []byte("W/")); isQuoted(opaque) {
		kind := "-s-"
		if len(opaque) < len(appTag) {
			kind = "-w-"
		}
		dst = append(append(dst, kind...), opaque[1:len(opaque)-1]...)
	}
	return append(dst, '"')
}

// isQuoted says whether a tag is written as RFC 9110 section 8.8.3 has it.
func isQuoted(tag []byte) bool {
	return len(tag) >= 2 && tag[0] == '"' && bytes.IndexByte(tag[1:], '"') == len(tag)-2
}

// appTags returns the lines of a condition with the app's tags in place of those that
// carry them; nil where none does.
func appTags(lines [][]byte) []byte {
	list := bytes.Join(lines, []byte(", "))
	if !bytes.Contains(list, []byte(tagPrefix)) {
		return nil
	}
	return carryingTag.ReplaceAllFunc(list, func(tag []byte) []byte {
		parts := carryingTag.FindSubmatch(tag)
		weak := ""
		if parts[1][0] == 'w' {
			weak = "W/"
		}
		return append(append([]byte(weak+`"`), parts[2]...), '"')
	})
}

// withAppTags returns a form in which the conditions of these names, in lower case,
// reach the app with its own tags, added to what the form has already.
func withAppTags(h *fasthttp.RequestHeader, form wire.Form, names ...string) wire.Form {
	for _, name := range names {
		lines := h.PeekAll(name)
		if len(lines) == 0 {
			continue
		}
		if tags := appTags(lines); tags != nil {
			form = withLine(form, name, tags)
		}
	}
	return form
}

// withLine returns a form in which a header has this value instead of the client's.
func withLine(form wire.Form, name string, value []byte) wire.Form {
	without := new(field.Set)
	if form.Without != nil {
		*without = *form.Without
	}
	without[len(name)] = slices.Clip(without[len(name)]) // shared with the form's
	without.Put(name, true)
	lines := append(append(bytes.Clone(form.Lines), name...), ": "...)
	return wire.Form{Without: without, Lines: append(append(lines, value...), "\r\n"...)}
}
