package sampleapp

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"os"
	"path"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/thumbedge/thumbedge/resolver/thumb"
)

// thumbnailList answers the thumbnail route without an id.
func (a *App) thumbnailList(w http.ResponseWriter, r *http.Request) {
	if allowed(w, r, "Thumbnails List", http.MethodGet) {
		writeJSON(w, http.StatusMethodNotAllowed, detail{"Listing thumbnails is not supported"})
	}
}

// thumbnail answers the thumbnail route: a redirect to the file, which is made
// here and now where there is no valid row.
func (a *App) thumbnail(w http.ResponseWriter, r *http.Request, text string) {
	if !allowed(w, r, "Thumbnails Instance", http.MethodGet) {
		return
	}
	v, ok := a.viewer(w, r)
	if !ok {
		return
	}
	label := r.URL.Query().Get("label")
	position := a.cfg.Specs.Index(label)
	if position < 0 {
		var labels []string
		for _, spec := range a.cfg.Specs {
			labels = append(labels, spec.Label)
		}
		writeJSON(w, http.StatusBadRequest, []string{
			fmt.Sprintf("Invalid thumbnail size label provided: %s not in %s", label, strings.Join(labels, ", ")),
		})
		return
	}
	id, ok := thumb.ParseID(text)
	if !ok {
		writeJSON(w, http.StatusNotFound, errNotFound)
		return
	}
	// Unlike the capture's page, this route tells a stranger that a draft exists.
	c, err := a.capture(r.Context(), viewer{superuser: true, projects: []int64{}}, id)
	switch {
	case errors.Is(err, pgx.ErrNoRows):
		writeJSON(w, http.StatusNotFound, errNotFound)
		return
	case err != nil:
		a.fail(w, r, err)
		return
	}
	if c.draft && !v.member(c.project) {
		v.refuse(w)
		return
	}
	key, err := a.ensure(r.Context(), &c, a.cfg.Specs[position])
	if err != nil {
		a.fail(w, r, err)
		return
	}
	w.Header().Set("Cache-Control", "private, max-age=300")
	redirect(w, http.StatusFound, mediaPath+key)
}

// ensure returns the key of a label's file, making it where no valid row names
// one.
func (a *App) ensure(ctx context.Context, c *capture, spec thumb.Spec) (string, error) {
	row, err := a.row(ctx, c.id, spec.Label)
	if err != nil {
		return "", err
	}
	var modified time.Time
	if c.modified != nil {
		modified = *c.modified
	}
	if thumb.Judge(row, spec, modified) == thumb.Warm {
		return row.Path, nil
	}
	a.tally.update(func(c *watched) { c.Renders++ })
	original, err := a.original(ctx, c)
	if err != nil {
		return "", err
	}
	picture, err := a.cfg.Render(ctx, original, spec)
	if err != nil {
		return "", fmt.Errorf("rendering capture %d: %w", c.id, err)
	}
	key, err := a.store(fmt.Sprintf("thumbnails/capture_%d/%s.jpg", c.id, spec.Label), picture.JPEG)
	if err != nil {
		return "", err
	}
	_, err = a.pool.Exec(ctx, `INSERT INTO main_sourceimagethumbnail
			(created_at, updated_at, path, label, width, height, size, last_modified, source_image_id)
		VALUES (now(), now(), $1, $2, $3, $4, $5, now(), $6)
		ON CONFLICT (source_image_id, label) DO UPDATE SET updated_at = now(), path = excluded.path, width = excluded.width,
			height = excluded.height, size = excluded.size, last_modified = now()`,
		key, spec.Label, spec.Width, picture.Height, len(picture.JPEG), c.id)
	if err != nil {
		return "", fmt.Errorf("writing a thumbnail row: %w", err)
	}
	if row != nil && row.Path != "" && row.Path != key {
		_ = a.media.Remove(row.Path) // as the real app: at once, whoever still names it
	}
	return key, nil
}

// row reads a label's row, nil where there is none.
func (a *App) row(ctx context.Context, id int64, label string) (*thumb.Row, error) {
	row := thumb.Row{Label: label}
	var modified *time.Time
	err := a.pool.QueryRow(ctx, `SELECT path, coalesce(width, 0), last_modified FROM main_sourceimagethumbnail WHERE source_image_id = $1 AND label = $2`,
		id, label).Scan(&row.Path, &row.Width, &modified)
	if errors.Is(err, pgx.ErrNoRows) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("reading a thumbnail row: %w", err)
	}
	if modified != nil {
		row.LastModified = *modified
	}
	return &row, nil
}

// store writes a file under key, or, where that is taken, under a name like it,
// as Django's storage does.
func (a *App) store(key string, content []byte) (string, error) {
	if err := a.media.MkdirAll(path.Dir(key), 0o755); err != nil {
		return "", fmt.Errorf("making a folder for %s: %w", key, err)
	}
	free := key
	for {
		file, err := a.media.OpenFile(free, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o644)
		if errors.Is(err, fs.ErrExist) {
			free = strings.TrimSuffix(key, ".jpg") + "_" + rand.Text()[:7] + ".jpg"
			continue
		}
		if err != nil {
			return "", fmt.Errorf("storing %s: %w", free, err)
		}
		_, err = file.Write(content)
		if err := errors.Join(err, file.Close()); err != nil {
			return "", fmt.Errorf("storing %s: %w", free, err)
		}
		return free, nil
	}
}

// original reads a capture's original, whole: from the media folder where it is
// the app's own file, over HTTP otherwise.
func (a *App) original(ctx context.Context, c *capture) ([]byte, error) {
	at := join(c.base, c.path)
	if strings.HasPrefix(at, "/") {
		file, err := a.media.ReadFile(strings.TrimPrefix(at, mediaPath))
		if err != nil {
			return nil, fmt.Errorf("reading original %s: %w", at, err)
		}
		return file, nil
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, at, nil)
	if err != nil {
		return nil, fmt.Errorf("fetching original %s: %w", at, err)
	}
	response, err := a.client.Do(request)
	if err != nil {
		return nil, fmt.Errorf("fetching original: %w", err)
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("fetching original %s: status %d", at, response.StatusCode)
	}
	body, err := io.ReadAll(response.Body)
	if err != nil {
		return nil, fmt.Errorf("fetching original %s: %w", at, err)
	}
	return body, nil
}
