package page

import (
	"math/bits"
	"math/rand/v2"
	"strings"
	"testing"
)

// slowMasks is what masks say, a byte at a time.
func slowMasks(block []byte) (m masks) {
	for i, c := range block {
		bit := func(b bool) uint64 {
			if b {
				return 1 << i
			}
			return 0
		}
		m.quotes |= bit(c == '"')
		m.backslashes |= bit(c == '\\')
		m.objects |= bit(c == '{')
		m.brackets |= bit(strings.IndexByte("{}[]", c) >= 0)
		m.ns |= bit(c == 'n')
		m.foreign |= bit(!strings.ContainsRune(" \t\r\n{}[]:,\"0123456789+-.eEtrufalsn", rune(c)))
		m.parity |= bit(bits.OnesCount64(m.quotes)%2 == 1)
	}
	return m
}

// Every byte value at every place of a block, among random others.
func TestClassify(t *testing.T) {
	t.Parallel()
	source := rand.New(rand.NewPCG(1, 2))
	src := make([]byte, 3*blockSize+1)
	for _, classify := range []func([]masks, []byte){classify, classifyWords} {
		for c := range 256 {
			for at := range blockSize {
				for i := range src {
					src[i] = byte(source.Uint32())
				}
				part := src[at%2:] // not aligned either
				part[blockSize+at] = byte(c)
				var got [3]masks
				classify(got[:], part)
				for i := range got {
					if want := slowMasks(part[i*blockSize:][:blockSize]); got[i] != want {
						t.Fatalf("%q:\ngot  %b\nwant %b", part[i*blockSize:][:blockSize], got[i], want)
					}
				}
			}
		}
	}
	classify(nil, nil)
}
