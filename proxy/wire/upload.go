package wire

import (
	"errors"
	"io"
	"strconv"
	"sync/atomic"
	"time"
)

// upload streams a request's body to the app while the answer may come already.
// It ends on its own when the body has ended, or when either side fails, or by
// stop.
type upload struct {
	c        *client
	a        streamConn
	done     chan struct{}
	err      error        // what failed on the client's side; read after done
	sent     atomic.Int64 // bytes that the app's connection took
	stopping atomic.Bool
}

func (a *appConn) startUpload() error {
	if err := a.client.startBody(); err != nil {
		return err
	}
	u := &upload{c: a.client, a: a.streamConn, done: make(chan struct{})}
	a.client.req.upload = u
	go u.run()
	return nil
}

func (u *upload) run() {
	defer close(u.done)
	defer func() {
		if failure := recover(); failure != nil {
			u.c.s.panicked("upload panicked", failure)
			u.err = errors.New("panic while streaming a request body")
			_ = u.a.Close()
		}
	}()
	buf := u.c.s.buffers.Get().(*[]byte)
	defer u.c.s.buffers.Put(buf)
	b := &u.c.req.body
	limit := u.c.s.cfg.Server.MaxRequestBody
	for {
		n, err := readSome(b, *buf)
		if limit > 0 && u.sent.Load()+int64(n) > limit {
			u.fail(rejectBodySize)
			return
		}
		if n > 0 && !u.send((*buf)[:n]) {
			return
		}
		if err == io.EOF {
			u.send(nil)
			return
		}
		if err != nil {
			u.fail(bodyError(err))
			return
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

// send writes a part of the body, or its end. An app that takes no more may have
// answered: that is for who reads the answer to find out.
func (u *upload) send(part []byte) bool {
	b := &u.c.req.body
	var err error
	switch {
	case b.kind != bodyChunked && len(part) == 0:
		return true
	case b.kind != bodyChunked:
		_, err = u.a.Write(part)
	case len(part) == 0:
		_, err = u.a.Write(append(append([]byte("0\r\n"), b.trailer...), "\r\n"...))
	default:
		size := append(strconv.AppendInt(nil, int64(len(part)), 16), "\r\n"...)
		if _, err = u.a.Write(size); err == nil {
			if _, err = u.a.Write(part); err == nil {
				_, err = u.a.Write(crlf)
			}
		}
	}
	u.sent.Add(int64(len(part)))
	return err == nil
}

// fail ends the request at the app without ending its body, so that it can never
// look whole there.
func (u *upload) fail(err error) {
	if u.stopping.Load() {
		return
	}
	u.err = err
	cut(u.a)
}

// stop ends the upload and returns what failed on the client's side.
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
		return u.c.req.body.done && u.err == nil
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
