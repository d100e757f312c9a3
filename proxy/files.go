package proxy

import (
	"errors"
	"io"
	"io/fs"
	"log/slog"
	"strconv"
	"strings"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/valyala/fasthttp"

	"github.com/thumbedge/thumbedge/resolver/thumb"
)

// fileCacheControl is what stored files are served with: a key is used once.
const fileCacheControl = "public, max-age=31536000, immutable"

// Why requests for stored files are the app's to answer.
const (
	reasonNoFile    passReason = "no_such_file"
	reasonFileError passReason = "file_error"
)

var fileReasons = []passReason{reasonNoFile, reasonFileError}

// files serves stored thumbnails from this machine. A file that is not there is
// the app's to answer for, as whatever else lies under its media URL.
type files struct{ s *Server }

func newFiles(s *Server) *files { return &files{s} }

// fileMetrics count what stored files were answered with.
type fileMetrics struct{ whole, parts, unchanged, refused prometheus.Counter }

func newFileMetrics(reg prometheus.Registerer) *fileMetrics {
	vec := counters(reg, "thumbedge_file_requests_total",
		"Requests for stored files that the proxy answered: whole, in part, with 304, or refused (412, 416).", "outcome")
	return &fileMetrics{
		whole: vec.WithLabelValues("whole"), parts: vec.WithLabelValues("parts"),
		unchanged: vec.WithLabelValues("unchanged"), refused: vec.WithLabelValues("refused"),
	}
}

// serve answers a GET or HEAD of what is below FilesPath.
func (f *files) serve(ctx *fasthttp.RequestCtx) {
	key := f.s.cfg.FilesKey + string(f.s.path(ctx)[len(f.s.filesPath):])
	file, err := f.open(key)
	if err != nil {
		reason := reasonNoFile
		if !errors.Is(err, thumb.ErrFileMissing) {
			reason = reasonFileError
			f.s.log.Error("stored file cannot be opened", slog.String("key", key), logError(err))
		}
		f.s.cacheStatus(ctx, "fwd=bypass; detail="+string(reason))
		f.s.passThrough(ctx, reason)
		return
	}
	f.s.cacheStatus(ctx, "hit")
	if !f.answer(ctx, key, file) {
		_ = file.Close() // nothing was written to it
	}
}

// open lets nothing out of the folder that FilesKey names: a dot segment that
// came escaped is one by now.
func (f *files) open(key string) (File, error) {
	if !fs.ValidPath(key) {
		return nil, thumb.ErrFileMissing
	}
	return f.s.stored.Open(key)
}

// answer says whether the answer's body has taken the file over.
func (f *files) answer(ctx *fasthttp.RequestCtx, key string, file File) (taken bool) {
	v := validatorsOf(file)
	h := &ctx.Response.Header
	f.s.ownAnswer(ctx)
	h.Set("Cache-Control", fileCacheControl)
	h.SetBytesV("ETag", v.tag)
	h.SetBytesV("Last-Modified", v.lastModified)
	h.Set("Accept-Ranges", "bytes")
	switch v.precondition(&ctx.Request.Header) {
	case fasthttp.StatusNotModified:
		ctx.SetStatusCode(fasthttp.StatusNotModified)
		f.s.metrics.files.unchanged.Inc()
		return false
	case fasthttp.StatusPreconditionFailed:
		f.refuse(ctx, fasthttp.StatusPreconditionFailed)
		return false
	}
	size, media := file.Size(), mediaType(key)
	var ranges []byteRange
	if value := ctx.Request.Header.Peek("Range"); len(value) > 0 && ctx.IsGet() && v.rangeApplies(&ctx.Request.Header) {
		var satisfiable bool
		if ranges, satisfiable = parseRanges(string(value), size); !satisfiable {
			h.Set("Content-Range", "bytes */"+strconv.FormatInt(size, 10))
			f.refuse(ctx, fasthttp.StatusRequestedRangeNotSatisfiable)
			return false
		}
	}
	var body io.Reader
	switch len(ranges) {
	case 0:
		body = io.NewSectionReader(file, 0, size)
		f.s.metrics.files.whole.Inc()
	case 1:
		ctx.SetStatusCode(fasthttp.StatusPartialContent)
		h.Set("Content-Range", ranges[0].contentRange(size))
		body, size = io.NewSectionReader(file, ranges[0].start, ranges[0].length), ranges[0].length
		f.s.metrics.files.parts.Inc()
	default:
		ctx.SetStatusCode(fasthttp.StatusPartialContent)
		body, size, media = inParts(file, ranges, media)
		f.s.metrics.files.parts.Inc()
	}
	h.SetContentType(media)
	ctx.SetBodyStream(fileBody{body, file}, int(size))
	return true
}

// refuse answers with a status alone, which is not the file's to keep.
func (f *files) refuse(ctx *fasthttp.RequestCtx, status int) {
	ctx.SetStatusCode(status)
	ctx.Response.Header.Set("Cache-Control", "no-store")
	f.s.metrics.files.refused.Inc()
}

// fileBody closes the file when it has been sent.
type fileBody struct {
	io.Reader
	io.Closer
}

// mediaType of a stored file: what the proxy stores is JPEG, and of anything else
// that lies there it claims nothing.
func mediaType(key string) string {
	if strings.HasSuffix(key, ".jpg") || strings.HasSuffix(key, ".jpeg") {
		return "image/jpeg"
	}
	return "application/octet-stream"
}
