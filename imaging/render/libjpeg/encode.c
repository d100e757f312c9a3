//go:build turbojpeg

#include <stdlib.h>
#include <string.h>

#include "errors.h"

struct encoder {
	struct jpeg_compress_struct jpeg;
	struct errors errors;
	struct jpeg_destination_mgr destination;
	struct encoded *encoded;
	size_t capacity; // of encoded->jpeg

	void (*write)(struct encoder *);
	enum outcome outcome;
	struct plane planes[MAX_PLANES];
	int components, quality;
};

enum { FIRST_CAPACITY = 64 << 10 };

// The destination is a buffer that doubles. It is in struct encoded at any moment, so
// that it can be freed at any.

static void grow(struct encoder *e, size_t used) {
	size_t capacity = e->capacity ? 2 * e->capacity : FIRST_CAPACITY;
	unsigned char *larger = realloc(e->encoded->jpeg, capacity);
	if (larger == NULL) {
		snprintf(e->encoded->message.text, MESSAGE_SIZE, "no memory for a JPEG of more than %zu bytes", e->capacity);
		errors_leave(&e->errors, FAILED);
	}
	e->encoded->jpeg = larger;
	e->capacity = capacity;
	e->destination.next_output_byte = larger + used;
	e->destination.free_in_buffer = capacity - used;
}

static void destination_start(j_compress_ptr jpeg) {
	grow(jpeg->client_data, 0);
}

// destination_flush is called when the buffer is full.
static boolean destination_flush(j_compress_ptr jpeg) {
	struct encoder *e = jpeg->client_data;
	grow(e, e->capacity);
	return TRUE;
}

static void destination_end(j_compress_ptr jpeg) {
	struct encoder *e = jpeg->client_data;
	e->encoded->size = e->capacity - e->destination.free_in_buffer;
}

// start sets what all pictures have in common: progressive scans with Huffman tables
// of their own, nothing but the picture in it.
static void start(struct encoder *e, J_COLOR_SPACE space, int components) {
	struct jpeg_compress_struct *j = &e->jpeg;
	j->image_width = (JDIMENSION)e->planes[0].width;
	j->image_height = (JDIMENSION)e->planes[0].height;
	j->in_color_space = space;
	j->input_components = components;
	jpeg_set_defaults(j);
	jpeg_set_quality(j, e->quality, TRUE);
	j->optimize_coding = TRUE;
	jpeg_simple_progression(j);
}

// fill copies the rows of a plane from the first on, and repeats its edges up to the
// blocks' own.
static void fill(JSAMPARRAY rows, size_t n, size_t width, const struct plane *from, size_t first) {
	size_t has = from->width < width ? from->width : width;
	for (size_t i = 0; i < n; i++) {
		size_t y = first + i < from->height ? first + i : from->height - 1;
		memcpy(rows[i], from->samples + y * from->stride, has);
		memset(rows[i] + has, rows[i][has - 1], width - has);
	}
}

static void write_planes(struct encoder *e) {
	struct jpeg_compress_struct *j = &e->jpeg;
	start(e, e->components == 1 ? JCS_GRAYSCALE : JCS_YCbCr, e->components);
	j->raw_data_in = TRUE; // at the sampling that jpeg_set_defaults sets: 2x2, 1x1, 1x1
	jpeg_start_compress(j, TRUE);
	JSAMPARRAY strips[MAX_PLANES];
	for (int c = 0; c < j->num_components; c++)
		strips[c] = j->mem->alloc_sarray((j_common_ptr)j, JPOOL_IMAGE, j->comp_info[c].width_in_blocks * DCTSIZE,
			(JDIMENSION)(j->comp_info[c].v_samp_factor * DCTSIZE));
	JDIMENSION lines = (JDIMENSION)(j->max_v_samp_factor * DCTSIZE);
	while (j->next_scanline < j->image_height) {
		for (int c = 0; c < j->num_components; c++) {
			size_t high = (size_t)j->comp_info[c].v_samp_factor * DCTSIZE;
			fill(strips[c], high, j->comp_info[c].width_in_blocks * DCTSIZE, &e->planes[c], j->next_scanline / lines * high);
		}
		jpeg_write_raw_data(j, strips, lines);
	}
}

static void write_pixels(struct encoder *e) {
	struct jpeg_compress_struct *j = &e->jpeg;
	start(e, JCS_EXT_RGBX, 4);
	jpeg_start_compress(j, TRUE);
	while (j->next_scanline < j->image_height) {
		JSAMPROW row = e->planes[0].samples + j->next_scanline * e->planes[0].stride;
		jpeg_write_scanlines(j, &row, 1);
	}
}

static void encode_aside(void *argument) {
	struct encoder *e = argument;
	e->outcome = DONE;
	if (setjmp(e->errors.leave)) {
		e->outcome = e->errors.outcome;
	} else {
		jpeg_create_compress(&e->jpeg);
		e->jpeg.client_data = e;
		e->jpeg.dest = &e->destination;
		e->write(e);
		jpeg_finish_compress(&e->jpeg);
	}
	jpeg_destroy_compress(&e->jpeg);
}

static enum outcome encode(struct encoder *e) {
	memset(e->encoded, 0, sizeof *e->encoded);
	e->destination = (struct jpeg_destination_mgr){
		.init_destination = destination_start, .empty_output_buffer = destination_flush, .term_destination = destination_end,
	};
	e->jpeg.err = errors_init(&e->errors, &e->encoded->message);
	give_way(encode_aside, e);
	return e->outcome;
}

enum outcome encode_planes(struct encoded *to, int components, struct plane a, struct plane b, struct plane c, int quality) {
	struct encoder e = {.encoded = to, .write = write_planes, .planes = {a, b, c}, .components = components, .quality = quality};
	return encode(&e);
}

enum outcome encode_pixels(struct encoded *to, struct plane pixels, int quality) {
	struct encoder e = {.encoded = to, .write = write_pixels, .planes = {pixels}, .quality = quality};
	return encode(&e);
}

void encoded_free(struct encoded *e) {
	free(e->jpeg);
	e->jpeg = NULL;
}
