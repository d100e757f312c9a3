package proxy

import (
	"errors"
	"io"
	"io/fs"
	"log/slog"
	"strconv"
	"strings"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"
	"github.com/valyala/fasthttp"

	"github.com/thumbedge/thumbedge/proxy/condition"
	"github.com/thumbedge/thumbedge/proxy/wire"
	"github.com/thumbedge/thumbedge/resolver/thumb"
)

// What stored files are served with: a key of our own scheme is used once; whatever
// else lies there, as the app's own small.jpg, comes back with other bytes, and is
// asked about each time by its validators.
const (
	ownFileCacheControl   = "public, max-age=31536000, immutable"
	otherFileCacheControl = "no-cache"
)

// Why requests for stored files are the app's to answer.
const (
	reasonNoFile    passReason = "no_such_file"
	reasonFileError passReason = "file_error"
)

var fileReasons = []passReason{reasonNoFile, reasonFileError}

// files serves stored thumbnails from this machine. A file that is not there is
// the app's to answer for, as whatever else lies under its media URL.
type files struct {
	stored  Files
	key     string // that FilesPath stands for, see Config
	passing passing
	metrics *fileMetrics
	log     *slog.Logger
}

func newFiles(cfg Config, deps Deps, passing passing) *files {
	return &files{deps.Files, cfg.FilesKey, passing, deps.Metrics.files, deps.Log}
}

// fileMetrics count what stored files were answered with.
type fileMetrics struct{ whole, parts, unchanged, refused, stalled prometheus.Counter }

func newFileMetrics(reg prometheus.Registerer) *fileMetrics {
	vec := promauto.With(reg).NewCounterVec(prometheus.CounterOpts{
		Name: "thumbedge_file_requests_total", Help: "Requests for stored files that the proxy answered: whole, in part, with 304, refused (412, 416), or stalled (503) as the disk gave nothing in time.",
	}, []string{"outcome"})
	return &fileMetrics{
		whole: vec.WithLabelValues("whole"), parts: vec.WithLabelValues("parts"),
		unchanged: vec.WithLabelValues("unchanged"), refused: vec.WithLabelValues("refused"), stalled: vec.WithLabelValues("stalled"),
	}
}

// serve answers a GET or HEAD of what is below FilesPath.
func (f *files) serve(r *wire.Request, below []byte) {
	key := f.key + string(below)
	file, err := f.open(key)
	if errors.Is(err, thumb.ErrBusy) {
		f.stalled(r, key, err)
		return
	}
	if err != nil {
		reason := reasonNoFile
		if !errors.Is(err, thumb.ErrFileMissing) {
			reason = reasonFileError
			f.log.Error("stored file cannot be opened", slog.String("key", key), logError(err))
		}
		f.passing.pass(r, reason)
		return
	}
	r.MarkCache("hit", "")
	cacheControl := otherFileCacheControl
	if thumb.Keys(f.key).Own(key) {
		cacheControl = ownFileCacheControl
	}
	if !f.answer(r, key, file, cacheControl) {
		_ = file.Close() // nothing was written to it
	}
}

// stalled answers where the disk does not: the app, which may have the same one, would wait
// for it, too.
func (f *files) stalled(r *wire.Request, key string, err error) {
	f.log.Debug("stored file cannot be opened in time", slog.String("key", key), logError(err))
	f.metrics.stalled.Inc()
	own := r.Own()
	own.SetStatusCode(fasthttp.StatusServiceUnavailable)
	own.Header.Set("Cache-Control", "no-store")
	own.Header.Set("Retry-After", "2")
}

// open lets nothing out of the folder that FilesKey names: a dot segment that
// came escaped is one by now.
func (f *files) open(key string) (File, error) {
	if !fs.ValidPath(key) {
		return nil, thumb.ErrFileMissing
	}
	return f.stored.Open(key)
}

// answer says whether the answer's body has taken the file over.
func (f *files) answer(r *wire.Request, key string, file File, cacheControl string) (taken bool) {
	v := condition.ValidatorsOf(file.Size(), file.Modified())
	own := r.Own()
	own.Header.Set("Cache-Control", cacheControl)
	own.Header.SetBytesV("ETag", v.Tag)
	own.Header.SetBytesV("Last-Modified", v.LastModified)
	own.Header.Set("Accept-Ranges", "bytes")
	switch v.Precondition(r.Header()) {
	case fasthttp.StatusNotModified:
		own.SetStatusCode(fasthttp.StatusNotModified)
		f.metrics.unchanged.Inc()
		return false
	case fasthttp.StatusPreconditionFailed:
		f.refuse(own, fasthttp.StatusPreconditionFailed)
		return false
	}
	size := file.Size()
	var part condition.Range
	asked := false
	if value := r.Header().Peek("Range"); len(value) > 0 && r.Header().IsGet() && v.RangeApplies(r.Header()) {
		part, asked = condition.ParseRange(string(value), size)
	}
	switch {
	case !asked:
		part = condition.Range{Length: size}
		f.metrics.whole.Inc()
	case part.Length == 0:
		own.Header.Set("Content-Range", "bytes */"+strconv.FormatInt(size, 10))
		f.refuse(own, fasthttp.StatusRequestedRangeNotSatisfiable)
		return false
	default:
		own.SetStatusCode(fasthttp.StatusPartialContent)
		own.Header.Set("Content-Range", part.ContentRange(size))
		f.metrics.parts.Inc()
	}
	own.Header.SetContentType(mediaType(key))
	own.SetBodyStream(fileBody{io.NewSectionReader(file, part.Start, part.Length), file}, int(part.Length))
	return true
}

// refuse answers with a status alone, which is not the file's to keep.
func (f *files) refuse(own *fasthttp.Response, status int) {
	own.SetStatusCode(status)
	own.Header.Set("Cache-Control", "no-store")
	f.metrics.refused.Inc()
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
