// Package libjpeg decodes and encodes JPEG with libjpeg-turbo, through libjpeg's own
// API (jpeglib.h): the one that tells warnings from errors and a picture that is cut
// off from one that is damaged, and that knows every sampling. Only package render
// uses it. It exists in builds with tag turbojpeg.
//
// What it holds to:
//
//   - A warning of libjpeg is no error. A picture is cut off exactly when the data
//     ended before its last row. Both are as in Pillow, which the app uses.
//   - Scans, CPU time and the memory of coefficients are bounded by the caller.
//   - The C is in files of its own. libjpeg.h says who owns what there; no longjmp ever
//     crosses a frame of Go's.
//   - Long calls run on a thread that gives way to all others (give_way).
package libjpeg
