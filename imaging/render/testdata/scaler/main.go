// Command scaler renders one original after another for FuzzScaler, in a process of
// its own: disintegration/imaging works in goroutines, in which a panic would end the
// fuzzer before it could say of which original. From standard input it reads a width,
// a length and an original, each time, and answers with a byte.
package main

import (
	"bufio"
	"context"
	"encoding/binary"
	"errors"
	"io"
	"log"
	"os"

	"github.com/thumbedge/thumbedge/imaging/render"
	"github.com/thumbedge/thumbedge/resolver/thumb"
)

func main() {
	if err := serve(bufio.NewReader(os.Stdin)); err != nil && !errors.Is(err, io.EOF) {
		log.Fatal(err)
	}
}

func serve(in io.Reader) error {
	for {
		var head struct{ Width, Length uint32 }
		if err := binary.Read(in, binary.BigEndian, &head); err != nil {
			return err
		}
		original := make([]byte, head.Length)
		if _, err := io.ReadFull(in, original); err != nil {
			return err
		}
		if _, err := os.Stdout.Write([]byte{outcome(original, int(head.Width))}); err != nil {
			return err
		}
	}
}

// outcome is 'r' for an original that was rendered, and 'n' for one that was not.
func outcome(original []byte, width int) byte {
	specs := []thumb.Spec{{Label: "small", Width: width}, {Label: "smaller", Width: 1 + width/3}}
	plan, err := render.Inspect(original, specs, render.Limits{MaxPixels: 1 << 18})
	if err == nil {
		_, err = plan.Render(context.Background(), 82)
	}
	if err != nil {
		return 'n'
	}
	return 'r'
}
