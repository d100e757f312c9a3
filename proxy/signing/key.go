package signing

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding"
	"encoding/binary"
	"encoding/hex"
	"hash"
)

// version is that of the scheme: the first thing that is signed.
const version = "thumbedge private thumbnail 1"

// key is one of signing.keys with the parts of HMAC (RFC 2104) that are the same each
// time computed before: the states of SHA-256 after the inner pad and what every message
// begins with, and after the outer pad. Two blocks are left to hash for a signature.
type key struct {
	id           string
	inner, outer []byte // as sha256's MarshalBinary has them
}

func newKey(secret []byte, site string) *key {
	if len(secret) > sha256.BlockSize {
		sum := sha256.Sum256(secret)
		secret = sum[:]
	}
	pad := func(with byte, then []byte) []byte {
		block := make([]byte, sha256.BlockSize)
		copy(block, secret)
		for i := range block {
			block[i] ^= with
		}
		h := sha256.New()
		h.Write(append(block, then...))
		state, err := h.(encoding.BinaryMarshaler).MarshalBinary()
		if err != nil {
			panic("sha256 gives its state: " + err.Error()) // it documents that it does
		}
		return state
	}
	mac := hmac.New(sha256.New, secret)
	mac.Write([]byte("thumbedge key id"))
	return &key{id: hex.EncodeToString(mac.Sum(nil)[:4]), inner: pad(0x36, prefix(site)), outer: pad(0x5c, nil)}
}

// prefix is what every message begins with: version and site, each after its length, and
// zeros up to a whole number of blocks.
func prefix(site string) []byte {
	var text []byte
	for _, part := range []string{version, site} {
		text = append(binary.BigEndian.AppendUint16(text, uint16(len(part))), part...)
	}
	for len(text)%sha256.BlockSize != 0 {
		text = append(text, 0)
	}
	return text
}

// appendMessage appends the rest of a message: numbers of fixed size, then the label, which
// ends it. No two permissions have the same.
func appendMessage(dst []byte, p Permission, expiry int64) []byte {
	dst = binary.BigEndian.AppendUint64(dst, uint64(p.ID))
	dst = binary.BigEndian.AppendUint64(dst, uint64(expiry))
	dst = binary.BigEndian.AppendUint64(dst, uint64(p.Project))
	return append(dst, p.Label...)
}

// scratch is what one signature takes, kept for the next one.
type scratch struct {
	hash interface {
		hash.Hash
		encoding.BinaryUnmarshaler
	}
	message []byte
	sum     []byte
	text    [encoded]byte
}

func newScratch() *scratch {
	work := &scratch{message: make([]byte, 0, 3*8+64), sum: make([]byte, 0, sha256.Size)}
	work.hash = sha256.New().(interface {
		hash.Hash
		encoding.BinaryUnmarshaler
	})
	return work
}

// sign returns the text of a signature, which is valid until the next call.
func (w *scratch) sign(k *key, p Permission, expiry int64) []byte {
	w.message = appendMessage(w.message[:0], p, expiry)
	w.resume(k.inner)
	w.hash.Write(w.message)
	w.sum = w.hash.Sum(w.sum[:0])
	w.resume(k.outer)
	w.hash.Write(w.sum)
	w.sum = w.hash.Sum(w.sum[:0])
	encoding64.Encode(w.text[:], w.sum)
	return w.text[:]
}

func (w *scratch) resume(state []byte) {
	if err := w.hash.UnmarshalBinary(state); err != nil {
		panic("sha256 takes its own state: " + err.Error()) // from newKey, which it gave
	}
}
