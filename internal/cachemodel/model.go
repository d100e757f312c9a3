// Package cachemodel is the simple model that the response cache is tested against: which
// answers RFC 9111, and what thumbedge promises beyond it, let a shared cache give to a
// request, after all that the app has answered before. It was written from the RFC and
// shares nothing with the cache.
//
// App is an app whose every answer has a number of its own (X-Exchange) and says at random
// what caches may do with it. Run sends random requests through replicas of thumbedge to
// it, and holds each answer against the model (Model.Check): the number says which answer
// of the app it is, and whether that one may be given to this request, now.
//
// Times are bounds that are always right, so that a slow machine raises no alarm: an answer
// is at least as old as the time between its arrival at the app and the moment when the
// client began to ask.
package cachemodel

import (
	"fmt"
	"slices"
	"sync"
	"time"
)

// Policy is what an answer of the app says to caches. Lifetimes are in seconds, -1 where
// nothing is said.
type Policy struct {
	MaxAge, SMaxAge, Expires, CDNMaxAge int
	StaleWhile, StaleIfError            int // 0: nothing is said
	Public, Private, NoStore, NoCache   bool
	MustRevalidate, ProxyRevalidate     bool
	SetsCookie                          bool
	Vary                                []string
	Age                                 int // 0: nothing is said
}

// Exchange is one request that came to the app, and what the app made of it.
type Exchange struct {
	Number   int
	Replica  int
	Request  int // the client's, by its number
	Key      string
	Method   string
	Headers  map[string]string // that came, of those that the model knows
	Arrived  time.Duration
	Status   int
	Shows    *Representation // what it answers with, or confirms by a 304
	Policy   Policy
	Broken   bool // the body was cut off
	Finished bool
}

// Representation is what a URL shows to some clients for a while.
type Representation struct {
	Tag  string
	Body string
}

// Request is one that a client sends.
type Request struct {
	Number       int
	Replica      int
	Key          string
	Method       string
	Headers      map[string]string
	Began, Ended time.Duration
}

// Answer is what the client got.
type Answer struct {
	Status   int
	Exchange int // 0: none is named
	Tag      string
	Age      int // -1: none
	Cookie   bool
	Body     string
	Broken   bool
}

// unsafe is a request that changed something, successfully.
type unsafe struct {
	arrived, ended time.Duration
}

// Model remembers what the app has answered. Its methods may be called from many
// goroutines.
type Model struct {
	// Anonymous is for how long pages may be used of which the app says nothing, and
	// Pages the path that those are under.
	Anonymous time.Duration
	Pages     string

	start     time.Time
	mu        sync.Mutex
	last      int // number of an exchange
	exchanges map[int]*Exchange
	of        map[int][]*Exchange // by request
	byTag     map[string][]*Exchange
	unsafe    map[string][]unsafe // by replica and key
	failures  map[string][]outage // the same, of single answers
	outages   []outage
	// Seen counts the answers by how they came about.
	Seen map[string]int
}

// outage is a time at which the app was not there; ended is 0 while it lasts.
type outage struct{ began, ended time.Duration }

// New makes a model of a world that begins now.
func New() *Model {
	return &Model{
		start: time.Now(), exchanges: map[int]*Exchange{}, of: map[int][]*Exchange{}, byTag: map[string][]*Exchange{},
		unsafe: map[string][]unsafe{}, failures: map[string][]outage{}, Seen: map[string]int{},
	}
}

func (m *Model) now() time.Duration { return time.Since(m.start) }

// add gives an exchange its number.
func (m *Model) add(e *Exchange) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.last++
	e.Number = m.last
	m.exchanges[e.Number] = e
	m.of[e.Request] = append(m.of[e.Request], e)
	if m.last%20000 == 0 {
		m.forget(m.now() - 2*time.Minute)
	}
}

// forget drops what is older than anything can be that is still used.
func (m *Model) forget(before time.Duration) {
	old := func(e *Exchange) bool { return e.Arrived < before }
	for number, e := range m.exchanges {
		if old(e) {
			delete(m.exchanges, number)
			delete(m.of, e.Request)
		}
	}
	for tag, exchanges := range m.byTag {
		if m.byTag[tag] = slices.DeleteFunc(exchanges, old); len(m.byTag[tag]) == 0 {
			delete(m.byTag, tag)
		}
	}
	for key, changes := range m.unsafe {
		m.unsafe[key] = slices.DeleteFunc(changes, func(u unsafe) bool { return u.ended < before })
	}
	for key, failures := range m.failures {
		m.failures[key] = slices.DeleteFunc(failures, func(o outage) bool { return o.ended < before })
	}
}

// answered records what the app is about to answer.
func (m *Model) answered(e *Exchange) {
	m.mu.Lock()
	defer m.mu.Unlock()
	e.Finished = true
	if e.Broken || e.Status >= 500 {
		at := place(e.Replica, e.Key)
		m.failures[at] = append(m.failures[at], outage{e.Arrived, m.now()})
	}
	if e.Shows != nil {
		m.byTag[e.Shows.Tag] = append(m.byTag[e.Shows.Tag], e)
	}
}

// changed records that the client has the answer to an unsafe request, which the app
// carried out.
func (m *Model) changed(q *Request, keys ...string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, e := range m.of[q.Number] {
		if e.Finished && e.Status < 400 && !e.Broken {
			for _, key := range keys {
				at := place(q.Replica, key)
				m.unsafe[at] = append(m.unsafe[at], unsafe{e.Arrived, q.Ended})
			}
		}
	}
}

// down and up frame a time at which the app is not there.
func (m *Model) down() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.outages = append(m.outages, outage{began: m.now()})
}

func (m *Model) up() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.outages[len(m.outages)-1].ended = m.now()
}

// failedFor says whether the app may have failed for a request, or for one that it waited
// for.
func (m *Model) failedFor(q *Request) bool {
	overlaps := func(o outage) bool { return o.began <= q.Ended && (o.ended == 0 || o.ended >= q.Began) }
	return slices.ContainsFunc(m.outages, overlaps) || slices.ContainsFunc(m.failures[place(q.Replica, q.Key)], overlaps)
}

func place(replica int, key string) string { return fmt.Sprint(replica, " ", key) }
