package child

import (
	"fmt"
	"math/rand/v2"
	"net"
	"strconv"
	"sync"
)

// given are the ports that this process has given away.
var given sync.Map

// FreeAddress returns an address of 127.0.0.1 that nothing listens on at the moment. It
// picks a port at random below those that the kernel gives to outgoing connections and to
// listeners that name none, which would take it again at any moment, and never the same
// twice.
func FreeAddress() (string, error) {
	var err error
	for range 100 {
		port := 10000 + rand.IntN(22000)
		var l net.Listener
		if l, err = net.Listen("tcp4", net.JoinHostPort("127.0.0.1", strconv.Itoa(port))); err != nil {
			continue
		}
		address := l.Addr().String()
		err = l.Close()
		if _, taken := given.LoadOrStore(port, true); !taken {
			return address, err
		}
	}
	return "", fmt.Errorf("finding a free port: %w", err)
}
