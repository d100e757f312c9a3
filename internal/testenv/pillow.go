package testenv

import (
	"bytes"
	"context"
	_ "embed"
	"fmt"
	"os/exec"
	"strconv"
	"strings"
	"testing"

	"github.com/thumbedge/thumbedge/imaging/render"
	"github.com/thumbedge/thumbedge/resolver/thumb"
)

//go:embed pillow.py
var pillowScript string

// Pillow makes a thumbnail as the real app does: with Pillow (Debian's python3-pil), in
// a process of its own. It is a sampleapp.Renderer.
func Pillow(ctx context.Context, original []byte, spec thumb.Spec) (render.Picture, error) {
	out, err := pillow(ctx, original, "thumbnail", strconv.Itoa(spec.Width), strconv.Itoa(spec.Height))
	if err != nil {
		return render.Picture{}, err
	}
	head, jpeg, _ := bytes.Cut(out, []byte("\n"))
	p := render.Picture{JPEG: jpeg}
	if _, err := fmt.Sscan(string(head), &p.Width, &p.Height); err != nil {
		return render.Picture{}, fmt.Errorf("reading what Pillow made: %w", err)
	}
	return p, nil
}

// PillowPhoto returns a made-up picture in a format as Pillow names it ("TIFF",
// "JPEG2000"), saved with options such as "compression=group4", in a mode such as "RGB".
func PillowPhoto(t testing.TB, format, mode string, options ...string) []byte {
	t.Helper()
	out, err := pillow(t.Context(), nil, append([]string{"photo", format, mode}, options...)...)
	if err != nil {
		t.Fatalf("making a picture with Pillow (Debian's package python3-pil): %v", err)
	}
	return out
}

func pillow(ctx context.Context, in []byte, args ...string) ([]byte, error) {
	// Debian's own Python, which has Debian's Pillow, whatever else is on the path.
	cmd := exec.CommandContext(ctx, "/usr/bin/python3", append([]string{"-c", pillowScript}, args...)...)
	var out, complaint bytes.Buffer
	cmd.Stdin, cmd.Stdout, cmd.Stderr = bytes.NewReader(in), &out, &complaint
	if err := cmd.Run(); err != nil {
		lines := strings.Split(strings.TrimSpace(complaint.String()), "\n")
		return nil, fmt.Errorf("running Pillow: %w: %s", err, lines[len(lines)-1])
	}
	return out.Bytes(), nil
}
