//go:build !turbojpeg

package main

import (
	"errors"

	"github.com/thumbedge/thumbedge/imaging/render"
	"github.com/thumbedge/thumbedge/resolver/thumb"
)

func withImaging([]byte, []thumb.Spec) ([]render.Picture, error) {
	return nil, errors.New("this was built without libjpeg-turbo")
}
