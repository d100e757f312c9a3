package config

import (
	"regexp"
	"strconv"
	"strings"
)

// secrets are the values of a file that no message may show, each with what is shown in
// its place: those of secret keys, URLs with a password in them, and whatever the
// environment gave, since that is where secrets are kept.
type secrets []struct{ value, shown string }

// password is what stands between a colon and an @ in a URL, however broken it is.
var password = regexp.MustCompile(`://[^/?#@]*?:(.+)@`)

// note remembers a string of the file: as it is written there, and with what the
// environment gave.
func (s *secrets) note(written, value string, secret bool) {
	shown := hide(written, secret)
	if shown == value {
		return
	}
	for _, text := range []string{written, value} {
		s.add(text, shown)
		if found := password.FindStringSubmatch(text); found != nil {
			s.add(found[1], mask)
		}
	}
}

func (s *secrets) add(value, shown string) {
	*s = append(*s, struct{ value, shown string }{value, shown})
}

// shortest is how long a value must be to be found within a word: a shorter one is
// found between quotes only.
const shortest = 6

// hideIn returns a message without secrets.
func (s secrets) hideIn(text string) string {
	for _, secret := range s {
		quoted := strconv.Quote(secret.value)
		text = strings.ReplaceAll(text, quoted, strconv.Quote(secret.shown))
		if len(secret.value) >= shortest {
			text = strings.ReplaceAll(text, quoted[1:len(quoted)-1], secret.shown)
			text = strings.ReplaceAll(text, secret.value, secret.shown)
		}
	}
	return text
}
