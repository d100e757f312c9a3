package main

import (
	"bufio"
	"context"
	_ "embed"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"

	"github.com/thumbedge/thumbedge/imaging/render"
	"github.com/thumbedge/thumbedge/resolver/thumb"
)

//go:embed pillow.py
var pillowScript string

// pillow is the app's renderer: Pillow itself, in a process for each web worker,
// as gunicorn has one.
type pillow struct{ idle chan *painter }

// painter is one of its processes.
type painter struct {
	cmd *exec.Cmd
	in  io.WriteCloser
	out *bufio.Reader
}

func startPillow() (*pillow, error) {
	p := &pillow{idle: make(chan *painter, workers)}
	for range workers {
		painter, err := startPainter()
		if err != nil {
			p.close()
			return nil, fmt.Errorf("starting Pillow: %w", err)
		}
		p.idle <- painter
	}
	return p, nil
}

func startPainter() (*painter, error) {
	cmd := exec.Command("/usr/bin/python3", "-c", pillowScript)
	cmd.Stderr = os.Stderr
	in, failed := cmd.StdinPipe()
	out, err := cmd.StdoutPipe()
	if err = errors.Join(failed, err); err == nil {
		err = cmd.Start()
	}
	if err != nil {
		return nil, err
	}
	p := &painter{cmd, in, bufio.NewReader(out)}
	if _, err := p.out.ReadString('\n'); err != nil {
		p.close()
		return nil, fmt.Errorf("it is not ready: %w", err)
	}
	return p, nil
}

func (p *painter) close() {
	_ = p.in.Close()
	_ = p.cmd.Wait()
}

// close ends the processes that are idle, as all are when no request is served.
func (p *pillow) close() {
	close(p.idle)
	for painter := range p.idle {
		painter.close()
	}
}

// render is a sampleapp.Renderer.
func (p *pillow) render(_ context.Context, original []byte, spec thumb.Spec) (render.Picture, error) {
	painter := <-p.idle
	defer func() { p.idle <- painter }()
	picture, err := painter.paint(original, spec.Width)
	if err != nil {
		return render.Picture{}, fmt.Errorf("asking Pillow: %w", err)
	}
	return picture, nil
}

func (p *painter) paint(original []byte, width int) (picture render.Picture, err error) {
	if _, err := fmt.Fprintf(p.in, "%d %d\n", width, len(original)); err != nil {
		return picture, err
	}
	if _, err := p.in.Write(original); err != nil {
		return picture, err
	}
	var length int
	if _, err := fmt.Fscanf(p.out, "%d %d %d\n", &picture.Width, &picture.Height, &length); err != nil {
		return picture, err
	}
	picture.JPEG = make([]byte, length)
	_, err = io.ReadFull(p.out, picture.JPEG)
	return picture, err
}
