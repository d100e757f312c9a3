package thumb

import (
	"encoding/binary"
	"strconv"
	"strings"
)

// Keys is the scheme by which thumbedge names the files that it stores:
//
//	<prefix>capture_<id>/<label>_<16 lower-case hex digits>.jpg
//
// The digits are random, so a key is used once: nothing that deletes an old file
// can hit a new one. The value is storage.prefix, such as "thumbnails/".
type Keys string

const (
	keySuffix = ".jpg"
	keyDigits = 16
)

// Append appends the key of a thumbnail to dst.
func (k Keys) Append(dst []byte, id ID, label string, digits uint64) []byte {
	return appendName(k.AppendFolder(dst, id), label, digits)
}

// appendName appends what follows a capture's folder in a key.
func appendName(dst []byte, label string, digits uint64) []byte {
	var rest [1 + keyDigits + len(keySuffix)]byte
	rest[0] = '_'
	binary.BigEndian.PutUint64(rest[1:], hex(uint32(digits>>32)))
	binary.BigEndian.PutUint64(rest[1+keyDigits/2:], hex(uint32(digits)))
	copy(rest[1+keyDigits:], keySuffix)
	return append(append(dst, label...), rest[:]...)
}

// hex returns the 8 lower-case hex digits of n, the first in the highest byte.
func hex(n uint32) uint64 {
	const each = 0x0101010101010101
	x := uint64(n)
	x = (x<<16 | x) & 0x0000ffff0000ffff
	x = (x<<8 | x) & 0x00ff00ff00ff00ff
	x = (x<<4 | x) & 0x0f0f0f0f0f0f0f0f
	letters := (x + 6*each) >> 4 & each // 1 where the digit is a letter
	return x + '0'*each + letters*('a'-'0'-10)
}

// AppendFolder appends the folder that holds every file of a capture, with its
// closing slash. Files are only ever deleted under it.
func (k Keys) AppendFolder(dst []byte, id ID) []byte {
	dst = append(dst, k...)
	dst = append(dst, "capture_"...)
	dst = strconv.AppendInt(dst, int64(id), 10)
	return append(dst, '/')
}

// Parse returns the digits of path where it is exactly the key that Append makes
// of id and label, so that Append gives the same path back.
func (k Keys) Parse(path string, id ID, label string) (digits uint64, ok bool) {
	head := len(path) - keyDigits - len(keySuffix)
	if head < 0 || path[head+keyDigits:] != keySuffix {
		return 0, false
	}
	for i := head; i < head+keyDigits; i++ {
		c := path[i]
		switch {
		case '0' <= c && c <= '9':
			digits = digits<<4 | uint64(c-'0')
		case 'a' <= c && c <= 'f':
			digits = digits<<4 | uint64(c-'a'+10)
		default:
			return 0, false
		}
	}
	var buf [256]byte
	return digits, string(k.Append(buf[:0], id, label, digits)) == path
}

// Own says whether path is a key of this scheme, whatever the capture and the label. Any
// other file, as those that the app wrote, may come back with other bytes.
func (k Keys) Own(path string) bool {
	rest, ok := strings.CutPrefix(path, string(k)+"capture_")
	digits, name, slash := strings.Cut(rest, "/")
	id, isID := ParseID(digits)
	end := strings.LastIndexByte(name, '_')
	if !ok || !slash || !isID || end < 1 || strings.Contains(name, "/") {
		return false
	}
	_, ok = k.Parse(path, id, name[:end])
	return ok
}
