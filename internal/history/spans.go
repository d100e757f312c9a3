package history

// Span is a stretch of time, To not in it.
type Span struct{ From, To Moment }

// Spans are in order, and apart.
type Spans []Span

// intersect returns what lies in both.
func (a Spans) intersect(b Spans) Spans {
	var both Spans
	for i, j := 0, 0; i < len(a) && j < len(b); {
		if from, to := max(a[i].From, b[j].From), min(a[i].To, b[j].To); from < to {
			both = append(both, Span{from, to})
		}
		if a[i].To < b[j].To {
			i++
		} else {
			j++
		}
	}
	return both
}

// outside returns what does not lie in the spans.
func (a Spans) outside() Spans {
	var rest Spans
	var from Moment
	for _, s := range a {
		if s.From > from {
			rest = append(rest, Span{from, s.From})
		}
		from = s.To
	}
	if from < Forever {
		rest = append(rest, Span{from, Forever})
	}
	return rest
}

// touch says whether any moment from one to another, both included, lies in the spans.
func (a Spans) touch(from, to Moment) bool {
	for _, s := range a {
		if s.From <= to && s.To >= from {
			return true
		}
	}
	return false
}

// lastBefore returns the last moment before another that lies in the spans.
func (a Spans) lastBefore(moment Moment) (last Moment, any bool) {
	for _, s := range a {
		if s.From < moment {
			last, any = min(s.To, moment), true
		}
	}
	return last, any
}
