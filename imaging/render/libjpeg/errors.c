//go:build turbojpeg

#include "errors.h"

_Noreturn void errors_leave(struct errors *e, enum outcome outcome) {
	e->outcome = outcome;
	longjmp(e->leave, 1);
}

// on_error is called for what libjpeg cannot go on after.
static void on_error(j_common_ptr jpeg) {
	struct errors *e = (struct errors *)jpeg->err;
	e->message->number = e->manager.msg_code;
	char text[JMSG_LENGTH_MAX];
	e->manager.format_message(jpeg, text);
	snprintf(e->message->text, sizeof e->message->text, "%s", text);
	errors_leave(e, FAILED);
}

// on_message is called for every warning (level -1) and trace message, with its
// number in msg_code. None is an error, as with Pillow: after a warning libjpeg makes
// the best of it, and a picture with a damaged stripe is better than none. That the
// data ended is no warning here: the source sees to that.
static void on_message(j_common_ptr jpeg, int level) {
	if (level >= 0)
		return;
	jpeg->err->num_warnings++;
	switch (jpeg->err->msg_code) {
	case JWRN_ARITH_BAD_CODE:
	case JWRN_BOGUS_PROGRESSION:
	case JWRN_HIT_MARKER:
	case JWRN_HUFF_BAD_CODE:
	case JWRN_MUST_RESYNC:
		((struct errors *)jpeg->err)->damaged = 1;
	}
}

// on_output would write to stderr.
static void on_output(j_common_ptr jpeg) {
	(void)jpeg;
}

struct jpeg_error_mgr *errors_init(struct errors *e, struct message *message) {
	e->message = message;
	jpeg_std_error(&e->manager);
	e->manager.error_exit = on_error;
	e->manager.emit_message = on_message;
	e->manager.output_message = on_output;
	return &e->manager;
}
