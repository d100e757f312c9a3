//go:build turbojpeg

// The error manager that decoding and encoding share.
#ifndef THUMBEDGE_ERRORS_H
#define THUMBEDGE_ERRORS_H

#include <setjmp.h>
#include <stdio.h>
#include <jpeglib.h>
#include <jerror.h>

#include "libjpeg.h"

// errors stands first in what libjpeg's structures point to as their error manager.
struct errors {
	struct jpeg_error_mgr manager;
	jmp_buf leave;        // set in every function that Go calls
	enum outcome outcome; // what the one that is left returns
	int damaged;          // there was a warning that samples are made up or shifted
	struct message *message;
};

struct jpeg_error_mgr *errors_init(struct errors *, struct message *);

// errors_leave ends the function that Go called.
_Noreturn void errors_leave(struct errors *, enum outcome);

#endif
