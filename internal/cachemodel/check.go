package cachemodel

import (
	"cmp"
	"errors"
	"fmt"
	"net/http"
	"strings"
)

// Check says why an answer must not have been given to a request; nil: it may.
func (m *Model) Check(q *Request, a *Answer) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	switch {
	case a.Exchange != 0:
		e := m.exchanges[a.Exchange]
		if e == nil {
			return fmt.Errorf("there was no exchange %d", a.Exchange)
		}
		return m.check(q, a, e)
	case a.Status == 304 && a.Tag != "":
		err := fmt.Errorf("nothing had the tag %s", a.Tag)
		for _, e := range m.byTag[a.Tag] {
			if err = m.check(q, a, e); err == nil {
				return nil
			}
		}
		return err
	case a.Status == 504 && q.cacheControl("only-if-cached"):
		m.Seen["only if cached"]++
		return nil
	case a.Status >= 500 && m.failedFor(q):
		m.Seen["failed"]++
		return nil
	case a.Status == 0 && m.failedFor(q):
		m.Seen["no answer"]++
		return nil
	case a.Status == 416 && q.Headers["Range"] != "":
		m.Seen["416"]++
		return nil
	}
	return fmt.Errorf("status %d of nobody", a.Status)
}

// check says whether exchange e may be what a request is answered with.
func (m *Model) check(q *Request, a *Answer, e *Exchange) error {
	if e.Replica != q.Replica {
		return fmt.Errorf("exchange %d was of replica %d", e.Number, e.Replica)
	}
	if e.Key != q.Key {
		return fmt.Errorf("exchange %d was for %s", e.Number, e.Key)
	}
	if err := m.bytesOf(q, a, e); err != nil {
		return err
	}
	if e.Request == q.Number {
		return m.own(q, a, e)
	}
	if a.Cookie {
		return fmt.Errorf("the cookie of exchange %d is another's", e.Number)
	}
	if q.Method != http.MethodGet && q.Method != http.MethodHead {
		return fmt.Errorf("a %s was answered from memory", q.Method)
	}
	base, err := m.base(q, e)
	if err != nil {
		return err
	}
	for _, err := range []error{m.kept(e), m.mayHave(q.Key, q.Headers, e), selects(q, e), selects(q, base), m.freshEnough(q, a, e), m.stillHolds(q, e)} {
		if err != nil {
			return fmt.Errorf("exchange %d, %v before: %w: %+v, asked with %v", e.Number, q.Began-e.Arrived, err, e.Policy, e.Headers)
		}
	}
	return nil
}

// bytesOf checks that the body is the one of the exchange, or the part of it that was asked
// for.
func (m *Model) bytesOf(q *Request, a *Answer, e *Exchange) error {
	switch {
	case a.Broken:
		if !e.Broken && !m.failedFor(q) {
			return fmt.Errorf("exchange %d was whole, and broke off", e.Number)
		}
		return nil
	case e.Broken && e.Request != q.Number:
		return fmt.Errorf("exchange %d broke off, and was kept", e.Number)
	case e.Broken && e.Request == q.Number && a.Status != 304:
		return fmt.Errorf("exchange %d broke off, and looks whole", e.Number)
	case e.Shows == nil, q.Method == http.MethodHead, a.Status == 304:
		if a.Body != "" {
			return fmt.Errorf("exchange %d has no body, which came as %.80q", e.Number, a.Body)
		}
		return nil
	case a.Status == 206:
		if len(e.Shows.Body) < 4 || a.Body != e.Shows.Body[:4] {
			return fmt.Errorf("exchange %d does not begin with the part %q", e.Number, a.Body)
		}
		return nil
	case a.Body != e.Shows.Body:
		return fmt.Errorf("exchange %d showed %.80q, not %.80q", e.Number, e.Shows.Body, a.Body)
	}
	return nil
}

// own checks an answer that the app gave for this very request.
func (m *Model) own(q *Request, a *Answer, e *Exchange) error {
	partOfPage := strings.Contains(q.Key, m.Pages) && q.Headers["Range"] != "" // the app's to answer
	if q.cacheControl("only-if-cached") && (q.Method == http.MethodGet || q.Method == http.MethodHead) && !partOfPage {
		return errors.New("the app was asked, though the client said only-if-cached")
	}
	if e.Status != 304 || a.Status == 304 && strings.Contains(q.Headers["If-None-Match"], e.Shows.Tag) {
		m.Seen["passed"]++
		return nil
	}
	// It validated what was kept.
	if _, err := m.base(q, e); err != nil {
		return fmt.Errorf("validated by exchange %d: %w", e.Number, err)
	}
	m.Seen["validated"]++
	return nil
}

// base returns the answer whose body exchange e stands for: itself, or what a 304 confirmed.
func (m *Model) base(q *Request, e *Exchange) (*Exchange, error) {
	if e.Status != 304 {
		return e, nil
	}
	var errs []error
	for _, b := range m.byTag[e.Shows.Tag] {
		if b.Status == 304 || b.Replica != e.Replica || b.Number > e.Number {
			continue
		}
		err := cmp.Or(m.kept(b), selects(q, b))
		if err == nil {
			return b, nil
		}
		errs = append(errs, fmt.Errorf("not %d: %w", b.Number, err))
	}
	return nil, fmt.Errorf("exchange %d confirmed what no answer had shown to this replica: %w", e.Number, errors.Join(errs...))
}
