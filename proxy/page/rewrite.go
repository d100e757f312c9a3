package page

// Rewriter writes a body with other contents in the place of some of its
// references, in the order of the body. What it is given must hold no byte that
// JSON would escape.
type Rewriter struct {
	dst  []byte
	body []byte
	done int
}

// NewRewriter returns a Rewriter that appends to dst.
func NewRewriter(dst, body []byte) Rewriter { return Rewriter{dst: dst, body: body} }

// Open writes everything up to the reference's contents, or up to what follows the scheme
// and the authority in them, and returns the buffer, to which the caller appends what takes
// the place of the rest, and hands it to Close.
func (r *Rewriter) Open(ref *Ref, keepOrigin bool) []byte {
	end := ref.Start
	if keepOrigin {
		end += ref.Origin
	}
	r.dst = append(r.dst, r.body[r.done:end]...)
	r.done = ref.End
	return r.dst
}

// OpenNull is Open for a null.
func (r *Rewriter) OpenNull(null *Null) []byte {
	r.dst = append(r.dst, r.body[r.done:null.Start]...)
	r.done = null.Start + len("null")
	return r.dst
}

// Close takes the buffer back.
func (r *Rewriter) Close(dst []byte) { r.dst = dst }

// Finish writes the rest of the body and returns the buffer.
func (r *Rewriter) Finish() []byte {
	return append(r.dst, r.body[r.done:]...)
}
