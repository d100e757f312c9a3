package sampleapp

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
	"time"
)

// The pages, their members in the order in which the real app writes them.
type (
	listJSON[T any] struct {
		Count       int64     `json:"count"`
		Next        *string   `json:"next"`
		Previous    *string   `json:"previous"`
		Results     []T       `json:"results"`
		Permissions *[]string `json:"user_permissions,omitempty"`
	}

	captureJSON struct {
		ID            int64           `json:"id"`
		Details       string          `json:"details"`
		Deployment    *deploymentJSON `json:"deployment"`
		Event         *nightJSON      `json:"event"`
		URL           string          `json:"url"`
		Path          string          `json:"path"`
		Timestamp     *string         `json:"timestamp"`
		Width         *int64          `json:"width"`
		Height        *int64          `json:"height"`
		Size          *int64          `json:"size"`
		SizeDisplay   string          `json:"size_display"`
		Detections    int             `json:"detections_count"`
		Occurrences   int             `json:"occurrences_count"`
		Taxa          int             `json:"taxa_count"`
		LastProcessed *string         `json:"last_processed"`
		DetectionList []any           `json:"detections"`
		Project       *int64          `json:"project"`
		Thumbnails    thumbnailsJSON  `json:"thumbnails"`
		Notes         json.RawMessage `json:"notes,omitempty"`
		Permissions   []string        `json:"user_permissions"`
	}

	deploymentJSON struct {
		ID          int64    `json:"id"`
		Name        string   `json:"name"`
		Details     string   `json:"details"`
		Permissions []string `json:"user_permissions"`
	}

	nightJSON struct {
		ID        int64  `json:"id"`
		Details   string `json:"details"`
		DateLabel string `json:"date_label"`
	}

	eventJSON struct {
		ID       int64         `json:"id"`
		Name     string        `json:"name"`
		Examples []exampleJSON `json:"example_captures"`
	}

	exampleJSON struct {
		ID         int64          `json:"id"`
		URL        string         `json:"url"`
		Width      *int64         `json:"width"`
		Thumbnails thumbnailsJSON `json:"thumbnails"`
	}

	eventDetailJSON struct {
		ID    int64      `json:"id"`
		Name  string     `json:"name"`
		First *firstJSON `json:"first_capture"`
	}

	firstJSON struct {
		ID         int64          `json:"id"`
		URL        string         `json:"url"`
		Thumbnails thumbnailsJSON `json:"thumbnails"`
		Detections []any          `json:"detections"`
	}
)

// noPermissions is what the sample app lets anyone do to anything.
var noPermissions = []string{}

// thumbnailsJSON is an object of labels and their URLs, in the labels' order; nil
// is null.
type thumbnailsJSON []labelURL

type labelURL struct{ label, url string }

// MarshalJSON writes the labels in their order, which a map would lose.
func (t thumbnailsJSON) MarshalJSON() ([]byte, error) {
	if t == nil {
		return []byte("null"), nil
	}
	var buf bytes.Buffer
	separator := byte('{')
	for _, l := range t {
		url, err := json.Marshal(l.url)
		if err != nil {
			return nil, fmt.Errorf("writing a thumbnail's URL: %w", err)
		}
		buf.WriteByte(separator)
		buf.WriteString(strconv.Quote(l.label))
		buf.WriteByte(':')
		buf.Write(url)
		separator = ','
	}
	buf.WriteByte('}')
	return buf.Bytes(), nil
}

// thumbnails returns the route URLs of a capture's labels, nil for a draft or a
// capture without a project, for its owner too.
func (a *App) thumbnails(r *http.Request, c *capture) thumbnailsJSON {
	if c.draft {
		return nil
	}
	var t thumbnailsJSON
	for _, spec := range a.cfg.Specs {
		t = append(t, labelURL{spec.Label, absolute(r, fmt.Sprintf("%s%d/?label=%s", thumbnailsPath, c.id, spec.Label))})
	}
	return t
}

func (a *App) captureJSON(r *http.Request, c *capture) captureJSON {
	// There are no detections behind these numbers; they differ between captures,
	// and stay.
	n := int(c.id*7919%31) + 3
	j := captureJSON{
		ID: c.id, Details: absolute(r, fmt.Sprintf("%s%d/", capturesPath, c.id)), URL: join(c.base, c.path), Path: c.path,
		Timestamp: clock(c.taken), Width: c.width, Height: c.height, Size: c.size,
		Detections: n, Occurrences: n * 3 / 4, Taxa: n/2 + 1, LastProcessed: clock(c.taken), DetectionList: []any{},
		Project: c.project, Thumbnails: a.thumbnails(r, c), Notes: c.notes, Permissions: noPermissions,
	}
	if c.size != nil {
		j.SizeDisplay = bytesText(*c.size)
	}
	if c.deployment != nil {
		j.Deployment = &deploymentJSON{*c.deployment, *c.deploymentName, absolute(r, fmt.Sprintf("/api/v2/deployments/%d/", *c.deployment)), noPermissions}
	}
	if c.event != nil {
		j.Event = &nightJSON{*c.event, absolute(r, fmt.Sprintf("%s%d/", eventsPath, *c.event)), dateLabel(*c.night)}
	}
	return j
}

// clock writes a time as the app does: local to the camera, no zone.
func clock(t *time.Time) *string {
	if t == nil {
		return nil
	}
	text := t.Format("2006-01-02T15:04:05.999999")
	return &text
}

// dateLabel names the night that begins at start: "Jul 4-5 2022".
func dateLabel(start time.Time) string {
	end := start.AddDate(0, 0, 1)
	if end.Month() == start.Month() {
		return fmt.Sprintf("%s-%d %d", start.Format("Jan 2"), end.Day(), end.Year())
	}
	return fmt.Sprintf("%s-%s %d", start.Format("Jan 2"), end.Format("Jan 2"), end.Year())
}
