package drive

import (
	"bytes"
	"fmt"
	"image"
	"image/color"
	"image/jpeg"

	"github.com/thumbedge/thumbedge/internal/history"
)

// An original shows, as black and white squares, which capture it is of (the upper row)
// and which of its contents (the lower one), so that every thumbnail tells what it was
// made from.
const (
	square = 16 // pixels a side, of an original
	bits   = 12 // squares a row: numbers up to 4095
)

// drawOriginal draws the original of a capture with a content.
func drawOriginal(p history.Picture) []byte {
	img := image.NewGray(image.Rect(0, 0, bits*square, 2*square))
	for y := range 2 * square {
		number := p.Capture
		if y >= square {
			number = int64(p.Content)
		}
		for x := range bits * square {
			if number>>(x/square)&1 == 1 {
				img.SetGray(x, y, color.Gray{Y: 255})
			}
		}
	}
	var out bytes.Buffer
	_ = jpeg.Encode(&out, img, &jpeg.Options{Quality: 95}) // into memory
	return out.Bytes()
}

// readPicture reads what a thumbnail shows.
func readPicture(thumbnail []byte) (history.Picture, error) {
	img, err := jpeg.Decode(bytes.NewReader(thumbnail))
	if err != nil {
		return history.Picture{}, fmt.Errorf("reading a thumbnail: %w", err)
	}
	var numbers [2]int64
	size := img.Bounds().Size()
	for row := range numbers {
		for bit := range bits {
			x, y := (2*bit+1)*size.X/(2*bits), (2*row+1)*size.Y/4
			if color.GrayModel.Convert(img.At(x, y)).(color.Gray).Y >= 128 {
				numbers[row] |= 1 << bit
			}
		}
	}
	return history.Picture{Capture: numbers[0], Content: int(numbers[1])}, nil
}
