package proxy

import (
	"strconv"

	"github.com/valyala/fasthttp"
)

// inPlace waits until all of a body whose length is known has arrived, and returns
// it where it was read into, until the answer is over; nothing is taken off the
// answer. It returns false where the body does not fit there. On an error, pass
// goes on with whatever came.
func (r *appResponse) inPlace() (body []byte, fits bool, err error) {
	if r.body.kind != bodySized || r.body.left > int64(r.conn.br.Size()) {
		return nil, false, nil
	}
	body, err = r.conn.br.Peek(int(r.body.left))
	return body, true, err
}

// replace answers with the header as it was edited and another body, none for a
// 304, and ends the app's answer before it waits for the client.
func (r *appResponse) replace(ctx *fasthttp.RequestCtx, body []byte) {
	c := clientOf(ctx)
	if u := c.req.upload; u != nil && !u.ended() {
		c.req.closing = true
	}
	r.Header.Del(fasthttp.HeaderTrailer)
	if r.Header.StatusCode() != fasthttp.StatusNotModified {
		c.out = strconv.AppendInt(c.out[:0], int64(len(body)), 10)
		r.Header.SetBytesV(fasthttp.HeaderContentLength, c.out)
	}
	c.out = c.appendAppHead(c.out[:0], &r.Header, lengthHeader)
	if r.body.kind == bodySized && int64(r.conn.br.Buffered()) >= r.body.left {
		r.body.skip(int(r.body.left))
	}
	r.discard()
	c.req.answered = true
	var err error
	if len(body) > 0 {
		err = c.write(c.out, body)
	} else {
		err = c.write(c.out)
	}
	if err != nil {
		c.gone()
		return
	}
	c.req.sent = int64(len(body))
}
