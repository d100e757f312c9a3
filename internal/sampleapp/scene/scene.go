// Package scene draws made-up photos of moth traps at night: a lit board or sheet
// with moths and small insects on it, as a camera trap takes them. A scene is
// decided by its number alone, so every machine draws the same pictures.
//
// A photo has nine million pixels and is wanted in well under a second, so what is
// soft (light, folds, shadows) is worked out on a field of a sixteenth of the
// pixels and scaled up, and only insects and sensor noise are drawn pixel by pixel.
package scene

import (
	"fmt"
	"image"
	"math/rand/v2"
	"time"
)

// Cameras is how many different trap set-ups there are. Scene n is camera
// n % Cameras's.
const Cameras = 3

// Scene is one made-up moment at a trap.
type Scene struct {
	Number int
}

// Camera returns which of the set-ups took the scene.
func (s Scene) Camera() int { return s.Number % Cameras }

// Clock returns the time of day of the scene, counted from noon, so that a night
// is one span of it. The picture shows it.
func (s Scene) Clock() time.Duration {
	place := s.Number / Cameras
	return 9*time.Hour + 30*time.Minute + time.Duration(place*37+s.Camera()*11)*time.Minute + time.Duration(s.Number*17%60)*time.Second
}

// Height returns the height of photos of a width, in the proportions of 4096 to
// 2160.
func Height(width int) int { return width * 2160 / 4096 }

// Draw draws the scene at the given width.
func (s Scene) Draw(width int) *image.YCbCr {
	height := Height(width)
	rng := rand.New(rand.NewPCG(uint64(s.Number)+1, 0x6d6f7468))
	setup := setups[s.Camera()]
	light := setup.light(rng)
	field := newField(width/shrink+2, height/shrink+2)
	setup.surface(field, rng, light)
	insects := settle(rng, setup, light, width, height)
	for i := range insects {
		insects[i].shade(field, light)
	}
	canvas := image.NewRGBA(image.Rect(0, 0, width, height))
	field.enlarge(canvas, setup.texture())
	for i := range insects {
		insects[i].draw(canvas, field)
	}
	strip(canvas, fmt.Sprintf("%s   %s   %.1f °C   %d %%RH   #%04d", setup.name, clockText(s.Clock()), 11+rng.Float64()*11, 55+rng.IntN(40), s.Number*41+7))
	return expose(canvas, rng)
}

func clockText(sinceNoon time.Duration) string {
	return time.Date(2000, 1, 1, 12, 0, 0, 0, time.UTC).Add(sinceNoon).Format("15:04:05")
}
