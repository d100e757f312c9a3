//go:build turbojpeg

#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "errors.h"

struct decoder {
	struct jpeg_decompress_struct jpeg;
	struct errors errors;
	struct message message;
	struct jpeg_source_mgr source;
	struct jpeg_progress_mgr progress;
	void (*realize_virt_arrays)(j_common_ptr); // libjpeg's own
	struct limits limits;
	struct timespec began; // of this call, in CPU time of its thread
	double used;           // in calls before
	unsigned reads;        // of rows of blocks

	// The arguments of the call in hand, which another thread makes.
	enum outcome (*step)(struct decoder *);
	enum outcome outcome;
	int eighths, to_planes;
	struct plane planes[MAX_PLANES];
	unsigned char *pixels;
	size_t stride, rows;
};

// The source has all of the original from the start. Where libjpeg wants more, it is
// told that there is none yet: it then returns in the middle of its work instead of
// making up what is missing, which is how a cut-off is told from a picture. Pillow's
// source does the same.

static void source_start(j_decompress_ptr jpeg) {
	(void)jpeg;
}

static boolean source_fill(j_decompress_ptr jpeg) {
	(void)jpeg;
	return FALSE;
}

static void source_skip(j_decompress_ptr jpeg, long n) {
	struct jpeg_source_mgr *s = jpeg->src;
	if (n <= 0)
		return;
	if ((size_t)n > s->bytes_in_buffer)
		n = (long)s->bytes_in_buffer;
	s->next_input_byte += n;
	s->bytes_in_buffer -= (size_t)n;
}

static void source_end(j_decompress_ptr jpeg) {
	(void)jpeg;
}

static double cpu_since(const struct timespec *began) {
	struct timespec now;
	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
	return (double)(now.tv_sec - began->tv_sec) + (double)(now.tv_nsec - began->tv_nsec) / 1e9;
}

// on_progress is called for each row of blocks that is read, in whichever scan.
static void on_progress(j_common_ptr jpeg) {
	struct decoder *d = jpeg->client_data;
	if (d->jpeg.input_scan_number > d->limits.scans)
		errors_leave(&d->errors, TOO_MANY_SCANS);
	if (d->reads++ % 16 == 0 && d->used + cpu_since(&d->began) > d->limits.cpu_seconds) // asking costs a system call
		errors_leave(&d->errors, TOO_LONG);
}

// on_realize is called when libjpeg has planned a decoding and not begun it yet. Where
// pixels are wanted it would plan to enlarge chroma while decoding, by scaling its
// blocks down less than luma's. Planes stay as they are coded: they are scaled down
// next, and written with chroma at half the size.
static void on_realize(j_common_ptr common) {
	struct decoder *d = common->client_data;
	for (int i = 0; d->jpeg.raw_data_out && i < d->jpeg.num_components; i++) {
#if JPEG_LIB_VERSION >= 70
		d->jpeg.comp_info[i].DCT_h_scaled_size = d->eighths;
		d->jpeg.comp_info[i].DCT_v_scaled_size = d->eighths;
#else
		d->jpeg.comp_info[i].DCT_scaled_size = d->eighths;
#endif
	}
	d->realize_virt_arrays(common);
}

// call makes a step, and returns how it came out, by whichever way.
static enum outcome call(struct decoder *d, enum outcome (*step)(struct decoder *)) {
	if (setjmp(d->errors.leave))
		return d->errors.outcome;
	return step(d);
}

static void call_aside(void *argument) {
	struct decoder *d = argument;
	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &d->began);
	d->outcome = call(d, d->step);
	d->used += cpu_since(&d->began);
}

static enum outcome giving_way(struct decoder *d, enum outcome (*step)(struct decoder *)) {
	d->step = step;
	give_way(call_aside, d);
	return d->outcome;
}

static enum outcome create(struct decoder *d) {
	jpeg_create_decompress(&d->jpeg);
	d->jpeg.client_data = d;
	d->realize_virt_arrays = d->jpeg.mem->realize_virt_arrays;
	d->jpeg.mem->realize_virt_arrays = on_realize;
	d->jpeg.src = &d->source;
	return DONE;
}

struct decoder *decoder_new(const unsigned char *original, size_t size) {
	struct decoder *d = calloc(1, sizeof *d);
	if (d == NULL)
		return NULL;
	d->source = (struct jpeg_source_mgr){
		.next_input_byte = original, .bytes_in_buffer = size, .init_source = source_start, .fill_input_buffer = source_fill,
		.skip_input_data = source_skip, .resync_to_restart = jpeg_resync_to_restart, .term_source = source_end,
	};
	d->jpeg.err = errors_init(&d->errors, &d->message);
	if (call(d, create) != DONE) {
		decoder_free(d);
		return NULL;
	}
	return d;
}

void decoder_free(struct decoder *d) {
	jpeg_destroy_decompress(&d->jpeg);
	free(d);
}

const struct message *decoder_message(const struct decoder *d) {
	return &d->message;
}

int decoder_damaged(const struct decoder *d) {
	return d->errors.damaged;
}

double decoder_cpu_seconds(const struct decoder *d) {
	return d->used;
}

static enum outcome read_header(struct decoder *d) {
	int found;
	do
		found = jpeg_read_header(&d->jpeg, FALSE);
	while (found == JPEG_HEADER_TABLES_ONLY);
	return found == JPEG_HEADER_OK ? DONE : CUT_OFF;
}

static enum space space_of(J_COLOR_SPACE space) {
	switch (space) {
	case JCS_GRAYSCALE:
		return GREY;
	case JCS_YCbCr:
		return YCC;
	case JCS_RGB:
		return RGB;
	case JCS_CMYK:
		return CMYK;
	case JCS_YCCK:
		return YCCK;
	default:
		return OTHER;
	}
}

enum outcome decoder_header(struct decoder *d, struct header *h) {
	enum outcome outcome = call(d, read_header);
	if (outcome != DONE)
		return outcome;
	*h = (struct header){
		.width = (int)d->jpeg.image_width, .height = (int)d->jpeg.image_height, .space = space_of(d->jpeg.jpeg_color_space),
		.components = d->jpeg.num_components, .several_scans = jpeg_has_multiple_scans(&d->jpeg),
	};
	for (int i = 0; i < MAX_PARTS && i < h->components; i++) {
		h->across[i] = d->jpeg.comp_info[i].h_samp_factor;
		h->down[i] = d->jpeg.comp_info[i].v_samp_factor;
	}
	return DONE;
}

static enum outcome start(struct decoder *d) {
	struct jpeg_decompress_struct *j = &d->jpeg;
	j->scale_num = (unsigned)d->eighths;
	j->scale_denom = 8;
	j->mem->max_memory_to_use = (long)d->limits.memory;
	d->progress.progress_monitor = on_progress;
	j->progress = &d->progress;
	if (d->to_planes) {
		j->out_color_space = j->jpeg_color_space;
		j->raw_data_out = TRUE;
	} else {
		j->out_color_space = j->num_components == 4 ? JCS_CMYK : JCS_EXT_RGBX;
	}
	return jpeg_start_decompress(j) ? DONE : CUT_OFF;
}

enum outcome decoder_start(struct decoder *d, int eighths, int to_planes, const struct limits *limits) {
	d->eighths = eighths;
	d->to_planes = to_planes;
	d->limits = *limits;
	return giving_way(d, start);
}

// finish reads what is left, to the end of the image. That it is not there is no
// fault any more, but what is there must make sense, as with Pillow.
static enum outcome finish(struct decoder *d) {
	jpeg_finish_decompress(&d->jpeg);
	return DONE;
}

static enum outcome too_small(struct decoder *d) {
	snprintf(d->message.text, sizeof d->message.text, "no room for %u by %u pixels", d->jpeg.output_width, d->jpeg.output_height);
	return FAILED;
}

static enum outcome read_planes(struct decoder *d) {
	struct jpeg_decompress_struct *j = &d->jpeg;
	size_t size = (size_t)d->eighths;
	for (int c = 0; c < j->num_components; c++)
		if (c >= MAX_PLANES || d->planes[c].width < j->comp_info[c].width_in_blocks * size ||
		    d->planes[c].height < j->comp_info[c].height_in_blocks * size)
			return too_small(d);
	JSAMPROW rows[MAX_PLANES][MAX_SAMP_FACTOR * DCTSIZE];
	JSAMPARRAY components[MAX_PLANES] = {rows[0], rows[1], rows[2]};
	JDIMENSION lines = (JDIMENSION)(j->max_v_samp_factor * d->eighths);
	for (size_t done = 0; j->output_scanline < j->output_height; done++) {
		for (int c = 0; c < j->num_components; c++) {
			size_t high = (size_t)j->comp_info[c].v_samp_factor * size;
			for (size_t i = 0; i < high; i++) {
				size_t y = done * high + i, last = d->planes[c].height - 1;
				rows[c][i] = d->planes[c].samples + (y < last ? y : last) * d->planes[c].stride; // below the last: never written
			}
		}
		if (jpeg_read_raw_data(j, components, lines) == 0)
			return CUT_OFF;
	}
	return finish(d);
}

enum outcome decoder_planes(struct decoder *d, struct plane a, struct plane b, struct plane c) {
	d->planes[0] = a;
	d->planes[1] = b;
	d->planes[2] = c;
	enum outcome outcome = giving_way(d, read_planes);
	memset(d->planes, 0, sizeof d->planes);
	return outcome;
}

static enum outcome read_pixels(struct decoder *d) {
	struct jpeg_decompress_struct *j = &d->jpeg;
	if (d->rows < j->output_height || d->stride < (size_t)j->output_width * 4 || j->output_components != 4)
		return too_small(d);
	while (j->output_scanline < j->output_height) {
		JSAMPROW row = d->pixels + j->output_scanline * d->stride;
		if (jpeg_read_scanlines(j, &row, 1) == 0)
			return CUT_OFF;
	}
	return finish(d);
}

enum outcome decoder_pixels(struct decoder *d, unsigned char *pixels, size_t stride, size_t rows) {
	d->pixels = pixels;
	d->stride = stride;
	d->rows = rows;
	enum outcome outcome = giving_way(d, read_pixels);
	d->pixels = NULL;
	return outcome;
}
