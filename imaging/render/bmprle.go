package render

import (
	"context"
	"fmt"

	"github.com/thumbedge/thumbedge/resolver/thumb"
)

// unpack undoes the run lengths of a BMP, one byte a pixel, in the order of the file.
// It does what Pillow does where a file is odd: pixels beyond the end of a row are
// dropped from runs, and a picture that ends early is refused.
func (f *bmpFile) unpack(ctx context.Context) ([]byte, error) {
	u := unpacking{rest: f.data, odd: f.at % 2, width: f.width, nibbles: f.compression == bmpRLE4, out: make([]byte, 0, f.width*f.height)}
	for len(u.out) < cap(u.out) {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		if len(u.rest) < 2 {
			return nil, errCutOff
		}
		n, value := int(u.rest[0]), u.rest[1]
		u.skip(2)
		switch {
		case n > 0:
			u.run(min(n, max(0, u.width-u.x)), value)
		case value == 0: // end of the row
			u.zeros((u.width - len(u.out)%u.width) % u.width)
			u.x = 0
		case value == 1: // end of the picture
			return nil, errCutOff
		case value == 2: // a step to the right and up
			if len(u.rest) < 4 {
				return nil, errCutOff
			}
			u.zeros(int(u.rest[2]) + int(u.rest[3])*u.width)
			u.skip(4)
			u.x = len(u.out) % u.width
		default:
			if err := u.pixels(int(value)); err != nil {
				return nil, err
			}
		}
	}
	return u.out, nil
}

// unpacking is how far run lengths are undone.
type unpacking struct {
	rest    []byte
	odd     int // whether rest begins at an odd place in the file
	width   int
	nibbles bool
	out     []byte // never longer than its capacity, all of the picture
	x       int
}

func (u *unpacking) skip(n int) {
	n = min(n, len(u.rest))
	u.rest, u.odd = u.rest[n:], (u.odd+n)%2
}

func (u *unpacking) put(pixel byte) {
	if len(u.out) < cap(u.out) {
		u.out = append(u.out, pixel)
	}
}

func (u *unpacking) zeros(n int) {
	for range min(n, cap(u.out)-len(u.out)) {
		u.put(0)
	}
}

func (u *unpacking) run(n int, value byte) {
	first, second := value, value
	if u.nibbles {
		first, second = value>>4, value&15
	}
	for i := range n {
		if i%2 == 0 {
			u.put(first)
		} else {
			u.put(second)
		}
	}
	u.x += n
}

// pixels takes n pixels as they are, padded to an even place in the file.
func (u *unpacking) pixels(n int) error {
	bytes := n
	if u.nibbles {
		if n%2 != 0 {
			return fmt.Errorf("%w: BMP of which versions of Pillow make different pictures", thumb.ErrOriginalForApp)
		}
		bytes = n / 2
	}
	if len(u.rest) < bytes {
		return errCutOff
	}
	for _, b := range u.rest[:bytes] {
		if u.nibbles {
			u.put(b >> 4)
			b &= 15
		}
		u.put(b)
	}
	u.skip(bytes)
	u.skip(u.odd)
	u.x += n
	return nil
}
