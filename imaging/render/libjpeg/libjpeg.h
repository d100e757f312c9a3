//go:build turbojpeg

// What Go calls of the C in this package: libjpeg's own API, made safe to call.
//
// Who owns what:
//
//   - Go owns the original's bytes, and the planes and pixels that are decoded to
//     and encoded from. While a decoder exists, Go keeps the original in its place
//     (runtime.Pinner); of everything else C keeps no pointer between two calls.
//   - C owns struct decoder, with all that libjpeg allocates for it. decoder_new
//     makes one, decoder_free frees it, whatever happened in between.
//   - The JPEG that encode leaves in struct encoded is C's, until Go has copied it
//     and calls encoded_free, which is right after a failure, too.
//
// An error of libjpeg leaves it by longjmp, to a setjmp in the C function that Go
// called: no frame of Go's is ever jumped over. After an error a decoder is good for
// decoder_free only.
#ifndef THUMBEDGE_LIBJPEG_H
#define THUMBEDGE_LIBJPEG_H

#include <stddef.h>

enum outcome {
	DONE,
	CUT_OFF,        // the data ended before the last row
	TOO_LONG,       // it takes more CPU time than allowed
	TOO_MANY_SCANS, // it has more scans than allowed
	FAILED,         // message says why
};

enum { MAX_PLANES = 3, MAX_PARTS = 4, MESSAGE_SIZE = 256 };

// What the samples of a JPEG are.
enum space { GREY, YCC, RGB, CMYK, YCCK, OTHER };

// message is the last error, by libjpeg's number (jerror.h) and as text.
struct message {
	int number;
	char text[MESSAGE_SIZE];
};

// header is what comes before the samples.
struct header {
	int width, height;
	enum space space;
	int components;
	int across[MAX_PARTS], down[MAX_PARTS]; // sampling factors of each component
	int several_scans;                      // all coefficients are kept meanwhile
};

// limits bound a decoding.
struct limits {
	int scans;
	double cpu_seconds;
	size_t memory; // of coefficients that are kept
};

struct plane {
	unsigned char *samples;
	size_t stride, width, height;
};

struct decoder;

struct decoder *decoder_new(const unsigned char *original, size_t size); // NULL: out of memory
enum outcome decoder_header(struct decoder *, struct header *);
// decoder_start begins to decode at so many eighths of the size: to planes, as the
// samples are coded, or to pixels of four bytes, RGB and one more, or CMYK. Where
// there are several scans it reads all of them.
enum outcome decoder_start(struct decoder *, int eighths, int to_planes, const struct limits *);
// decoder_planes fills the planes, which have to hold whole blocks.
enum outcome decoder_planes(struct decoder *, struct plane, struct plane, struct plane);
enum outcome decoder_pixels(struct decoder *, unsigned char *pixels, size_t stride, size_t rows);
const struct message *decoder_message(const struct decoder *);
// decoder_damaged says whether libjpeg warned that samples are made up or shifted.
int decoder_damaged(const struct decoder *);
double decoder_cpu_seconds(const struct decoder *); // used so far
void decoder_free(struct decoder *);

struct encoded {
	unsigned char *jpeg;
	size_t size;
	struct message message;
};

// encode writes a progressive JPEG of planes of luma and chroma, the latter of half
// the width and height, or of one plane of grey.
enum outcome encode_planes(struct encoded *, int components, struct plane, struct plane, struct plane, int quality);
// encode_pixels writes one of pixels of four bytes: RGB, and one that is ignored.
enum outcome encode_pixels(struct encoded *, struct plane, int quality);
void encoded_free(struct encoded *);

// give_way calls run on a thread of its own, which the kernel has give way to the
// others, and waits for it.
void give_way(void (*run)(void *), void *argument);

#endif
