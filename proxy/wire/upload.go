package wire

import (
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"sync/atomic"
	"time"

	"github.com/thumbedge/thumbedge/proxy/wire/spool"
)

// upload sends a request's body to the app while the answer may come already: first
// what was spooled of it, then what the client still sends. It ends on its own when the
// body has ended, or when either side fails, or by stop.
type upload struct {
	c        *client
	a        *appConn
	done     chan struct{}
	err      error        // what failed, but for an app that takes no more; read after done
	whole    bool         // the whole body was sent; read after done
	sent     atomic.Int64 // bytes that the app's connection took
	stopping atomic.Bool
}

func (a *appConn) startUpload() error {
	if !a.client.req.body.done {
		if err := a.client.startBody(); err != nil {
			return err
		}
	}
	u := &upload{c: a.client, a: a, done: make(chan struct{})}
	a.client.req.upload = u
	go u.run()
	return nil
}

func (u *upload) run() {
	defer close(u.done)
	defer func() {
		if failure := recover(); failure != nil {
			u.c.s.panicked("upload panicked", failure)
			u.err = errors.New("panic while sending a request body")
			_ = u.a.streamConn.Close()
		}
	}()
	r := &u.c.req
	defer r.dropSpooled()
	if r.spooled != nil && !u.sendSpooled(r.spooled) || len(r.rest) > 0 && !u.send(r.rest) {
		return
	}
	u.whole = !r.streamed || u.stream()
}

// sendSpooled sends what was spooled.
func (u *upload) sendSpooled(b *spool.Body) bool {
	for {
		part, err := b.Next()
		if err == io.EOF {
			return true
		}
		if err != nil {
			u.fail(fmt.Errorf("%w: %w", errSpool, err))
			return false
		}
		if !part.InFile() {
			if !u.send(part.Bytes) {
				return false
			}
		} else if !u.sendFile(part) {
			return false
		}
		b.Skip(part.Length)
	}
}

// sendFile sends a part that is in a file.
func (u *upload) sendFile(part spool.Part) bool {
	var out outlet
	out.init(u.a.raw)
	done := int64(0)
	err := persist(u.a.raw, u.a.pool.stall, u.setDeadline, func() (int64, error) {
		n, err := out.writeFile(part, done, &u.c.s.buffers)
		done += n
		return n, err
	})
	u.sent.Add(done)
	if errors.Is(err, errSpool) {
		u.fail(err)
	}
	return u.wrote(err)
}

// stream sends what the client still sends.
func (u *upload) stream() bool {
	buf := u.c.s.buffers.Get().(*[]byte)
	defer u.c.s.buffers.Put(buf)
	b := &u.c.req.body
	limit := u.c.now.Server.MaxRequestBody
	for {
		n, err := readSome(b, *buf)
		if limit > 0 && u.sent.Load()+int64(n) > limit {
			u.fail(rejectBodySize)
			return false
		}
		if n > 0 && !u.send((*buf)[:n]) {
			return false
		}
		if err == io.EOF {
			return u.send(nil)
		}
		if err != nil {
			u.fail(bodyError(err))
			return false
		}
	}
}

// readSome reads at least a byte, and more while it is there already: an app
// should not get a small chunk for each of the client's.
func readSome(b *body, p []byte) (n int, err error) {
	for {
		m, err := b.Read(p[n:])
		n += m
		if err != nil || n == len(p) || !b.more() {
			return n, err
		}
	}
}

// send writes a part of the body, or its end.
func (u *upload) send(part []byte) bool {
	r := &u.c.req
	var err error
	switch {
	case !r.chunkedToApp():
		err = u.write(part)
	case len(part) == 0:
		err = u.write(append(append([]byte("0\r\n"), r.body.trailer...), "\r\n"...))
	default:
		size := append(strconv.AppendInt(nil, int64(len(part)), 16), "\r\n"...)
		if err = u.write(size); err == nil {
			if err = u.write(part); err == nil {
				err = u.write(crlf)
			}
		}
	}
	u.sent.Add(int64(len(part)))
	return u.wrote(err)
}

func (u *upload) write(p []byte) error {
	if len(p) == 0 {
		return nil
	}
	return persist(u.a.raw, u.a.pool.stall, u.setDeadline, func() (int64, error) {
		n, err := u.a.Write(p)
		p = p[n:]
		return int64(n), err
	})
}

// setDeadline is SetWriteDeadline, unless the upload is being stopped.
func (u *upload) setDeadline(t time.Time) error {
	err := u.a.SetWriteDeadline(t)
	if u.stopping.Load() { // stop may have set its deadline before
		err = os.ErrDeadlineExceeded
	}
	return err
}

// wrote says whether a write to the app was a good one. An app that takes no more may
// have answered: that is for who reads the answer to find out. One that takes nothing
// for too long has failed.
func (u *upload) wrote(err error) bool {
	if errors.Is(err, errStalled) {
		u.fail(errResponseTimeout)
	}
	return err == nil
}

// fail ends the request at the app without ending its body, so that it can never
// look whole there.
func (u *upload) fail(err error) {
	if u.stopping.Load() {
		return
	}
	u.err = err
	cut(u.a.streamConn)
}

// stop ends the upload and returns what failed.
func (u *upload) stop() error {
	select {
	case <-u.done:
	default:
		u.stopping.Store(true)
		_ = u.c.SetReadDeadline(time.Unix(1, 0))
		_ = u.a.SetWriteDeadline(time.Unix(1, 0))
		<-u.done
		u.c.readUntil = time.Time{}
	}
	u.c.req.upload = nil
	return u.err
}

// awaitProgress lets an upload that its answer has overtaken go on for as long as the app
// takes it, and says whether the whole body was sent.
func (u *upload) awaitProgress() bool {
	for taken := int64(-1); ; {
		if u.awaitEnd(lingerTime) {
			return true
		}
		now := u.sent.Load()
		if now == taken || u.isDone() {
			return false
		}
		taken = now
	}
}

// awaitEnd waits that long for the whole body to be sent, and says whether it was.
func (u *upload) awaitEnd(d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-u.done:
		return u.whole
	case <-timer.C:
		return false
	}
}

func (u *upload) isDone() bool {
	select {
	case <-u.done:
		return true
	default:
		return false
	}
}
