//go:build turbojpeg

package libjpeg

// #include "libjpeg.h"
import "C"

import "unsafe"

// EncodePlanes writes a progressive JPEG of one plane of grey, or of luma and chroma
// of half the width and height, rounded up. It has Huffman tables of its own, and no
// metadata.
func EncodePlanes(planes []Plane, quality int) ([]byte, error) {
	var e C.struct_encoded
	c := planesOfC(planes)
	return finish(&e, C.encode_planes(&e, C.int(len(planes)), c[0], c[1], c[2], C.int(quality)))
}

// EncodePixels does the same with pixels of four bytes, the last of which is ignored.
func EncodePixels(pixels []byte, stride, width, height, quality int) ([]byte, error) {
	if stride < 4*width || len(pixels) < stride*(height-1)+4*width || width < 1 || height < 1 {
		panic("libjpeg: there are fewer pixels than said")
	}
	var e C.struct_encoded
	p := C.struct_plane{
		samples: (*C.uchar)(unsafe.SliceData(pixels)), stride: C.size_t(stride),
		width: C.size_t(width), height: C.size_t(height),
	}
	return finish(&e, C.encode_pixels(&e, p, C.int(quality)))
}

// finish copies what was encoded, and frees it.
func finish(e *C.struct_encoded, outcome C.enum_outcome) ([]byte, error) {
	defer C.encoded_free(e)
	if outcome != C.DONE {
		return nil, errorOf(&e.message)
	}
	return C.GoBytes(unsafe.Pointer(e.jpeg), C.int(e.size)), nil
}
