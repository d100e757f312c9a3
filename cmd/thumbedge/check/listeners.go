package check

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"syscall"
	"time"

	"github.com/thumbedge/thumbedge/cmd/thumbedge/config"
)

func lookAtListeners(_ context.Context, file *config.File) (string, error) {
	for _, address := range []struct{ key, value string }{
		{"server.listen", file.Server.Listen}, {"server.admin_listen", file.Server.Admin.Listen},
	} {
		l, err := net.Listen("tcp", address.value)
		if errors.Is(err, syscall.EADDRINUSE) && aliveAt(file.Server.Admin.Listen) {
			return fmt.Sprintf("%s is in use by a running thumbedge", address.value), nil
		}
		if err != nil {
			return "", fmt.Errorf("%s: %w", address.key, err)
		}
		_ = l.Close()
	}
	return fmt.Sprintf("%s and %s are free", file.Server.Listen, file.Server.Admin.Listen), nil
}

// aliveAt says whether a thumbedge's admin listener answers at address.
func aliveAt(address string) bool {
	client := &http.Client{Timeout: 2 * time.Second}
	response, err := client.Get("http://" + address + "/healthz")
	if err != nil {
		return false
	}
	defer response.Body.Close()
	body, _ := io.ReadAll(io.LimitReader(response.Body, 1<<10))
	return response.StatusCode == http.StatusOK && bytes.Contains(body, []byte(`"alive"`))
}
