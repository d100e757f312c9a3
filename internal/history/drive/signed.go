package drive

import (
	"fmt"
	"math/rand/v2"
	"regexp"

	"github.com/thumbedge/thumbedge/internal/history"
)

// signingKey is the key that all replicas sign with.
const signingKey = "of-a-history-of-a-history-of-a-history"

// remembered is how many signed URLs are remembered.
const remembered = 200

// remember remembers what was signed for members.
func (s *site) remember(signed []string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.signed = append(s.signed, signed...)
	s.signed = s.signed[max(0, len(s.signed)-remembered):]
}

// anySigned returns the target of one that was signed lately, "" before there is any.
func (s *site) anySigned(random *rand.Rand) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.signed) == 0 {
		return ""
	}
	return pick(random, s.signed)
}

// parts of the target of a signed URL: up to the capture, that, up to the label, that, up to
// the signature, its first letter, and the rest.
var partsOfSigned = regexp.MustCompile(`^(.*/)(\d+)(/\?label=)(\w+)(&expires=\d+&signature=)(.)(.*)$`)

// tamper returns a signed URL as it is, or with a part that is another's.
func (c *client) tamper(target string) (tampered string, valid bool) {
	p := partsOfSigned.FindStringSubmatch(target)
	if p == nil {
		c.Errorf("a page shows %s", target)
		return target, false
	}
	switch c.random.IntN(6) {
	case 0:
		another := fmt.Sprint(pick(c.random, c.ids()))
		valid, p[2] = another == p[2], another
	case 1:
		p[4] = map[string]string{"small": "medium", "medium": "small", "tiny": "small"}[p[4]]
	case 2:
		p[6] = map[bool]string{true: "B", false: "A"}[p[6] == "A"]
	default:
		valid = true
	}
	return p[1] + p[2] + p[3] + p[4] + p[5] + p[6] + p[7], valid
}

// signedThumbnail asks by a signed URL.
func (c *client) signedThumbnail(r *replica, target string, valid bool) history.Answer {
	p := partsOfSigned.FindStringSubmatch(target)
	var capture int64
	_, _ = fmt.Sscan(p[2], &capture) // digits, as the expression has it
	return c.askForThumbnail(r, target, capture, p[4], valid)
}
