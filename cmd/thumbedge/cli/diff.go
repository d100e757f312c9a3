package cli

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"path/filepath"
	"time"

	"github.com/thumbedge/thumbedge/cmd/thumbedge/admin"
	"github.com/thumbedge/thumbedge/cmd/thumbedge/config"
)

// diff prints what a reload would change. The process that serves says so itself: it reads
// its own file with its own environment, as a reload does, and no secret leaves it.
func diff(ctx context.Context, env Env, path string, file *config.File) error {
	var told admin.Changes
	if err := askAdmin(ctx, file, "/config/changes", &told); err != nil {
		return fmt.Errorf("asking the thumbedge that serves, at server.admin_listen %s: %w", file.Server.Admin.Listen, err)
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
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return fmt.Errorf("the admin listener answers %s", response.Status)
	}
	return json.NewDecoder(response.Body).Decode(into)
}
