package signing

import (
	"bytes"
	"net/url"
	"strconv"
	"strings"
	"time"
)

// Signature is what a request brought as one. Whether it is one, Verify says.
type Signature struct {
	expiry int64
	text   [encoded]byte
	none   bool // it can't be a signature, whatever it is of
}

// Expired says whether the signature is worth nothing at now, without a look at what it
// is of: it is none, or its time is over.
func (s *Signature) Expired(now time.Time) bool { return s.none || now.Unix() >= s.expiry }

// Until is when it expires.
func (s *Signature) Until() time.Time { return time.Unix(s.expiry, 0) }

// Take takes a signature off a target (a path, and a query where there is one): rest is the
// target without any parameter that an app could read as expires or signature, in
// whichever spelling. Sig is nil where it had none of those, and rest then the target
// itself. Only exactly one of each, spelled as Append does, can be a signature.
func Take(target []byte) (rest []byte, sig *Signature) {
	path, query, asked := bytes.Cut(target, []byte{'?'})
	if !asked || !mayHold(query) { // which is so almost always
		return target, nil
	}
	rest = append(make([]byte, 0, len(target)), path...)
	var expires, signature [][]byte
	between, odd := byte('?'), false
	for pair := range bytes.SplitSeq(query, []byte{'&'}) {
		name, value, _ := bytes.Cut(pair, []byte{'='})
		switch loose := loosest(pair); {
		case string(name) == "expires":
			expires = append(expires, value)
		case string(name) == "signature":
			signature = append(signature, value)
		case holdsEither(loose):
			odd = true
		default:
			rest = append(append(rest, between), pair...)
			between = '&'
		}
	}
	if expires == nil && signature == nil && !odd {
		return target, nil
	}
	sig = &Signature{none: true}
	if !odd && len(expires) == 1 && len(signature) == 1 {
		sig.read(expires[0], signature[0])
	}
	return rest, sig
}

// mayHold is a quick look, which misses nothing: a name is there in full, or escaped.
func mayHold(query []byte) bool {
	if bytes.IndexByte(query, '%') >= 0 {
		return true
	}
	lower := bytes.ToLower(query)
	return bytes.Contains(lower, []byte("expires")) || bytes.Contains(lower, []byte("signature"))
}

// loosest reads a parameter as loosely as any app might.
func loosest(pair []byte) string {
	text := string(pair)
	for range 2 { // some app may decode twice
		decoded, err := url.QueryUnescape(text)
		if err != nil {
			break
		}
		text = decoded
	}
	return strings.ToLower(text)
}

// holdsEither says whether a parameter is one of the two in another spelling, or holds
// one, as after a semicolon.
func holdsEither(loose string) bool {
	before, _, _ := strings.Cut(loose, "=")
	before = strings.TrimSpace(before)
	return before == "expires" || before == "signature" || strings.Contains(loose, "expires=") || strings.Contains(loose, "signature=")
}

func (s *Signature) read(expires, signature []byte) {
	expiry, err := strconv.ParseInt(string(expires), 10, 64)
	if err != nil || expiry <= 0 || strconv.FormatInt(expiry, 10) != string(expires) || len(signature) != encoded {
		return
	}
	s.expiry, s.none = expiry, false
	copy(s.text[:], signature)
}
