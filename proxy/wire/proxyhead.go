package wire

import (
	"bufio"
	"bytes"
	"fmt"
	"log/slog"
	"net"
	"time"

	"github.com/pires/go-proxyproto"
)

// readProxyHead reads what a balancer that carries bytes only puts before them (the PROXY
// protocol, versions 1 and 2): whose connection it is. Only a trusted peer may say so, and
// with server.proxy_protocol each has to. What was read beyond it waits in pending.
func (c *client) readProxyHead() error {
	if !c.trusted {
		return fmt.Errorf("%s is not in server.trusted_proxies", c.peer)
	}
	c.idle.Store(true) // a shutdown need not wait for it
	defer c.idle.Store(false)
	c.readBy(time.Now().Add(c.now.Server.HeaderTimeout))
	br := bufio.NewReaderSize(c.streamConn, clientBuffer) // which the head has to fit into
	head, err := proxyproto.Read(br)
	if err != nil {
		return err
	}
	rest, _ := br.Peek(br.Buffered())
	c.pending = bytes.Clone(rest)
	if head.Command.IsLocal() { // the balancer's own: it looks whether we are there
		return nil
	}
	source, ok := head.SourceAddr.(*net.TCPAddr)
	if !ok {
		return fmt.Errorf("the connection of %v is none of TCP", head.SourceAddr)
	}
	c.meet(source)
	return nil
}

// welcome reads what comes before the first request, and says whether to go on.
func (c *client) welcome() bool {
	if !c.now.Server.ProxyProtocol {
		return true
	}
	err := c.readProxyHead()
	if err == nil {
		return true
	}
	c.s.metrics.rejected[rejectProxyHead].Inc()
	c.s.log.Debug("connection refused", slog.String("reason", rejectProxyHead.reason), slog.String("peer", c.RemoteAddr().String()), logError(err))
	_ = c.streamConn.Close()
	return false
}
