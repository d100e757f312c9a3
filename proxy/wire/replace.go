package wire

import (
	"strconv"

	"github.com/valyala/fasthttp"
)

// InPlace waits until all of a body whose length is known has arrived, and returns
// it where it was read into, until the answer is over; nothing is taken off the
// answer. It returns false where the body does not fit there. On an error, Pass
// goes on with whatever came.
func (r *Answer) InPlace() (body []byte, fits bool, err error) {
	if r.conn == nil {
		return r.memory, true, nil
	}
	if r.body.kind != bodySized || r.body.left > int64(r.conn.br.Size()) {
		return nil, false, nil
	}
	body, err = r.conn.br.Peek(int(r.body.left))
	return body, true, err
}

// Replace answers with the header as it was edited and another body, none for a
// 304, and ends the app's answer before it waits for the client.
func (r *Answer) Replace(body []byte) {
	c := r.client
	if r.conn != nil {
		r.noteUpload(c)
	}
	r.Header.Del(fasthttp.HeaderTrailer)
	if r.Header.StatusCode() != fasthttp.StatusNotModified {
		r.Header.SetBytesV(fasthttp.HeaderContentLength, strconv.AppendInt(c.size[:0], int64(len(body)), 10))
	}
	c.head = c.appendAppHead(c.head[:0], &r.Header, lengthHeader)
	if r.conn != nil && r.body.kind == bodySized && int64(r.conn.br.Buffered()) >= r.body.left {
		r.body.skip(int(r.body.left))
	}
	r.Close()
	c.req.answered = true
	var err error
	if len(body) > 0 {
		err = c.write(c.head, body)
	} else {
		err = c.write(c.head)
	}
	if err != nil {
		c.gone()
		return
	}
	c.req.sent = int64(len(body))
}
