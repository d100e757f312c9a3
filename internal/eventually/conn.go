package eventually

import (
	"net"
	"time"
)

// Unhurried gives each read and write of a connection a deadline of its own: what they
// come to may take its time on a busy machine, as long as it goes on.
func Unhurried(conn net.Conn) net.Conn { return unhurried{conn} }

type unhurried struct{ net.Conn }

func (c unhurried) Read(p []byte) (int, error) {
	_ = c.SetReadDeadline(time.Now().Add(limit))
	return c.Conn.Read(p)
}

func (c unhurried) Write(p []byte) (int, error) {
	_ = c.SetWriteDeadline(time.Now().Add(limit))
	return c.Conn.Write(p)
}
