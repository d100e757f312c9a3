package main

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strconv"

	"github.com/thumbedge/thumbedge/resolver/thumb"
)

const (
	pageCount = 1000
	pageSize  = 40 // captures of a page
	firstID   = 1_000_000
)

// paths are where the app serves the pages: where thumbedge passes through and where it
// rewrites, and the same two with an hour for which caches may keep them.
var paths = struct{ plain, pages, kept, keptPages string }{"/plain/", "/api/v2/captures/", "/kept/", "/api/v2/captures/kept/"}

var captureID = regexp.MustCompile(`\b10000(\d\d)\b`)

// numbered makes the page with that number: the same bytes but for the ids of its
// captures, which are its own.
func numbered(page []byte, number int) []byte {
	return captureID.ReplaceAllFunc(page, func(id []byte) []byte {
		n, err := strconv.Atoi(string(id))
		if err != nil || n == firstID { // the count of the list
			return id
		}
		return strconv.AppendInt(nil, int64(n+number*pageSize), 10)
	})
}

func writePages(dir string, page []byte) error {
	folder := filepath.Join(dir, "pages")
	if err := os.Mkdir(folder, 0o755); err != nil {
		return err
	}
	for number := range pageCount {
		made := numbered(page, number)
		if len(made) != len(page) {
			return fmt.Errorf("page %d has %d bytes, not %d", number, len(made), len(page))
		}
		if err := os.WriteFile(filepath.Join(folder, strconv.Itoa(number)+".json"), made, 0o644); err != nil {
			return err
		}
	}
	// nginx's own user reads them.
	return os.Chmod(dir, 0o755)
}

var labels = thumb.Specs{{Label: "small", Width: 240}, {Label: "medium", Width: 1024}, {Label: "large", Width: 2560}}

const (
	keys       = thumb.Keys("thumbnails/")
	storageURL = "https://cdn.test/uploads/"
)

// digits of a thumbnail's key: any, as long as every contestant looks them up.
func digits(id thumb.ID, position int) uint64 {
	return uint64(id)*0x9e3779b97f4a7c15 + uint64(position)
}

// rewritten is what becomes of a page when everything on it is warm.
func rewritten(page []byte) []byte {
	route := regexp.MustCompile(`"[^"]*/api/v2/captures/thumbnails/(\d+)/\?label=(\w+)"`)
	return route.ReplaceAllFunc(page, func(match []byte) []byte {
		parts := route.FindSubmatch(match)
		id, _ := thumb.ParseID(parts[1])
		url := append(bytes.Clone([]byte{'"'}), storageURL...)
		label := string(parts[2])
		return append(keys.Append(url, id, label, digits(id, labels.Index(label))), '"')
	})
}
