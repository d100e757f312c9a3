package tracing

// received are the headers of a request that W3C Trace Context reads.
type received struct{ parent, state string }

// Get returns a header.
func (r received) Get(name string) string {
	switch name {
	case "traceparent":
		return r.parent
	case "tracestate":
		return r.state
	}
	return ""
}

// Set does nothing: nobody sends these on.
func (received) Set(_, _ string) {}

// Keys returns the headers' names.
func (received) Keys() []string { return []string{"traceparent", "tracestate"} }

// lines are header lines as they are sent.
type lines struct{ text []byte }

// Set appends a line.
func (l *lines) Set(name, value string) {
	l.text = append(append(append(append(l.text, name...), ": "...), value...), "\r\n"...)
}

// Get finds nothing: nobody reads these.
func (*lines) Get(string) string { return "" }

// Keys returns nothing, as Get.
func (*lines) Keys() []string { return nil }
