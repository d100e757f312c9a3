//go:build turbojpeg

package libjpeg

/*
#cgo CFLAGS: -std=c11 -D_GNU_SOURCE
#cgo LDFLAGS: -ljpeg -pthread
#include "libjpeg.h"
*/
import "C"

import (
	"errors"
	"fmt"
	"runtime"
	"time"
	"unsafe"

	"github.com/thumbedge/thumbedge/resolver/thumb"
)

// The errors that a decoding ends with, beside *Error.
var (
	ErrCutOff       = thumb.ErrCutOff
	ErrTooLong      = errors.New("decoding takes too much CPU time")
	ErrTooManyScans = errors.New("too many scans")
)

// Error is an error of libjpeg's.
type Error struct {
	Number int // in jerror.h; 0: it is this package's
	Text   string
}

func (e *Error) Error() string { return fmt.Sprintf("libjpeg (%d): %s", e.Number, e.Text) }

// Space is what the samples of a JPEG are.
type Space int

// The spaces. Other is none that has pixels.
const (
	Grey  Space = C.GREY
	YCbCr Space = C.YCC
	RGB   Space = C.RGB
	CMYK  Space = C.CMYK
	YCCK  Space = C.YCCK
	Other Space = C.OTHER
)

// Header is what a JPEG says before its samples.
type Header struct {
	Width, Height int
	Space         Space
	Components    []Component
	// SeveralScans: all coefficients are kept until the last of them is read.
	SeveralScans bool
}

// Component is one of the parts of a JPEG's pixels, with its sampling factors.
type Component struct{ Across, Down int }

// Limits bound a decoding.
type Limits struct {
	Scans  int
	CPU    time.Duration
	Memory int64 // of coefficients that are kept
}

// Plane is one component's samples, in rows that are Stride apart.
type Plane struct {
	Samples               []byte
	Stride, Width, Height int
}

// Decoder decodes one JPEG, once: Header, Start, then Planes or Pixels. It is for one
// goroutine at a time.
type Decoder struct {
	c   *C.struct_decoder
	pin runtime.Pinner // the original, which c reads
}

// NewDecoder returns a decoder for an original, which must not change. It has to be
// closed.
func NewDecoder(original []byte) (*Decoder, error) {
	if len(original) == 0 {
		return nil, ErrCutOff
	}
	d := &Decoder{}
	d.pin.Pin(unsafe.SliceData(original))
	d.c = C.decoder_new((*C.uchar)(unsafe.SliceData(original)), C.size_t(len(original)))
	if d.c == nil {
		d.pin.Unpin()
		return nil, errors.New("libjpeg gives no decoder")
	}
	return d, nil
}

// Close frees what the decoder holds.
func (d *Decoder) Close() {
	C.decoder_free(d.c)
	d.pin.Unpin()
}

// Header reads what comes before the samples.
func (d *Decoder) Header() (h Header, err error) {
	var c C.struct_header
	if err := d.err(C.decoder_header(d.c, &c)); err != nil {
		return h, err
	}
	h = Header{Width: int(c.width), Height: int(c.height), Space: Space(c.space), SeveralScans: c.several_scans != 0}
	for i := range min(int(c.components), C.MAX_PARTS) {
		h.Components = append(h.Components, Component{int(c.across[i]), int(c.down[i])})
	}
	return h, nil
}

// Start begins to decode at so many eighths of the size: to planes, as the samples
// are coded, which takes Grey or YCbCr, or to pixels. Where there are several scans,
// all of them are read now.
func (d *Decoder) Start(eighths int, toPlanes bool, limits Limits) error {
	l := C.struct_limits{scans: C.int(limits.Scans), cpu_seconds: C.double(limits.CPU.Seconds()), memory: C.size_t(limits.Memory)}
	planes := C.int(0)
	if toPlanes {
		planes = 1
	}
	return d.err(C.decoder_start(d.c, C.int(eighths), planes, &l))
}

// Planes decodes to planes, one a component. Each has to hold whole blocks of as many
// samples a side as there are eighths.
func (d *Decoder) Planes(planes []Plane) error {
	c := planesOfC(planes)
	return d.err(C.decoder_planes(d.c, c[0], c[1], c[2]))
}

// Pixels decodes to pixels of four bytes: RGB and 255, or CMYK as it is stored.
func (d *Decoder) Pixels(pixels []byte, stride int) error {
	return d.err(C.decoder_pixels(d.c, (*C.uchar)(unsafe.SliceData(pixels)), C.size_t(stride), C.size_t(len(pixels)/stride)))
}

// Damaged says whether samples so far were made up, or may be shifted, because of a
// fault in what codes them.
func (d *Decoder) Damaged() bool { return C.decoder_damaged(d.c) != 0 }

// CPU is how much CPU time decoding took so far.
func (d *Decoder) CPU() time.Duration {
	return time.Duration(float64(C.decoder_cpu_seconds(d.c)) * float64(time.Second))
}

func (d *Decoder) err(outcome C.enum_outcome) error {
	switch outcome {
	case C.DONE:
		return nil
	case C.CUT_OFF:
		return ErrCutOff
	case C.TOO_LONG:
		return ErrTooLong
	case C.TOO_MANY_SCANS:
		return ErrTooManyScans
	}
	return errorOf(C.decoder_message(d.c))
}

func errorOf(m *C.struct_message) error {
	return &Error{int(m.number), C.GoString(&m.text[0])}
}

// planesOfC are planes as C takes them. A plane's height is that of its whole rows.
func planesOfC(planes []Plane) (c [C.MAX_PLANES]C.struct_plane) {
	for i, p := range planes {
		if len(p.Samples) < p.Stride*(p.Height-1)+p.Width || p.Stride < p.Width || p.Width < 1 || p.Height < 1 {
			panic("libjpeg: a plane is smaller than it says")
		}
		c[i] = C.struct_plane{
			samples: (*C.uchar)(unsafe.SliceData(p.Samples)), stride: C.size_t(p.Stride),
			width: C.size_t(p.Width), height: C.size_t(p.Height),
		}
	}
	return c
}
