package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"path/filepath"
	"syscall"
	"time"

	"github.com/thumbedge/thumbedge/cmd/thumbedge/admin"
	"github.com/thumbedge/thumbedge/cmd/thumbedge/config"
)

// diff prints what a reload would change. The process that serves says so itself: it reads
// its own file with its own environment, as a reload does, and no secret leaves it.
func diff(ctx context.Context, env Env, path string, file *config.File) error {
	var told admin.Changes
	if err := askAdmin(ctx, file, "/config/changes", &told); err != nil {
		return fmt.Errorf("asking the thumbedge that serves what would change: %w", err)
	}
	if own, err := filepath.Abs(path); err == nil && told.File != "" && told.File != own {
		fmt.Fprintf(env.Stdout, "the thumbedge that serves reads %s, not %s\n", told.File, own)
	}
	for _, change := range told.Changes {
		fmt.Fprintln(env.Stdout, change)
	}
	switch {
	case told.Error != "":
		fmt.Fprintf(env.Stderr, "a reload would change nothing, for it fails:\n%s\n", told.Error)
		return errReported
	case len(told.Changes) == 0:
		fmt.Fprintln(env.Stdout, "no key has another value")
	}
	return nil
}

// askAdmin asks the process that serves, on its admin listener.
func askAdmin(ctx context.Context, file *config.File, path string, into any) error {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+file.Server.Admin.Listen+path, nil)
	if err != nil {
		return err
	}
	if token := file.Server.Admin.Token; token != "" {
		request.Header.Set("Authorization", "Bearer "+token)
	}
	listen := file.Server.Admin.Listen
	response, err := http.DefaultClient.Do(request)
	if asked := new(url.Error); errors.As(err, &asked) {
		err = asked.Err // the rest repeats the address
	}
	switch {
	case errors.Is(err, syscall.ECONNREFUSED):
		return fmt.Errorf("nothing listens at server.admin_listen %s of this file: does thumbedge serve, with this file, on this machine?", listen)
	case err != nil:
		return fmt.Errorf("at server.admin_listen %s: %w", listen, err)
	}
	defer response.Body.Close()
	switch response.StatusCode {
	case http.StatusOK:
		return json.NewDecoder(response.Body).Decode(into)
	case http.StatusUnauthorized:
		return fmt.Errorf("server.admin_token of this file is not the one that is served with at %s", listen)
	}
	return fmt.Errorf("what listens at server.admin_listen %s answers %s", listen, response.Status)
}
