package testenv

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto"
	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
)

// browserTimeout bounds each thing that a test asks of a tab.
const browserTimeout = 3 * time.Minute

var chromium = sync.OnceValues(startChromium)

// startChromium starts the process's one headless browser. The context it returns
// is the parent of every tab's.
func startChromium() (context.Context, error) {
	options := append(chromedp.DefaultExecAllocatorOptions[:],
		chromedp.NoSandbox, chromedp.DisableGPU, chromedp.Flag("disable-component-update", true),
		chromedp.WSURLReadTimeout(browserTimeout)) // a busy machine takes longer than the 20 s it is given otherwise
	ctx, cancelAllocator := chromedp.NewExecAllocator(context.Background(), options...)
	ctx, cancel := chromedp.NewContext(ctx)
	atExit(func() { cancel(); cancelAllocator() })
	if err := chromedp.Do(ctx); err != nil {
		return nil, fmt.Errorf("starting chromium (apt-get install chromium): %w", err)
	}
	return ctx, nil
}

// Tab is a page of a headless browser that a test drives. It has a cache of its
// own, empty at first. Its methods fail the test where the browser does not do as
// it is told; they may be called from the test's goroutine only, Requests from any.
type Tab struct {
	t   testing.TB
	ctx context.Context

	mu       sync.Mutex
	requests []*Request
	current  map[network.RequestID]*Request // the last hop of each
}

// Request is one request that a tab made. A redirect that was followed is two.
type Request struct {
	URL, Method string
	Status      int    // of the response; 0: none yet
	FromCache   bool   // answered by the browser itself
	Failed      string // why no response came; "" otherwise
}

// Browser opens a tab, 1280 pixels wide, in a window that shares nothing with
// others, and closes it when the test ends.
func Browser(t testing.TB) *Tab {
	t.Helper()
	parent, err := chromium()
	if err != nil {
		t.Fatal(err)
	}
	tab := &Tab{t: t, current: map[network.RequestID]*Request{}}
	ctx, cancel := chromedp.NewContext(parent, chromedp.WithNewBrowserContext(), chromedp.WithListener(tab.record))
	t.Cleanup(cancel)
	tab.ctx = ctx
	// The tab lives as long as the context of the first call, which must have no
	// deadline.
	if err := chromedp.Do(ctx, chromedp.EmulateViewport(1280, 800)); err != nil {
		t.Fatalf("opening a tab: %v", err)
	}
	return tab
}

// Context returns the tab's context, for chromedp's own actions.
func (tab *Tab) Context() context.Context { return tab.ctx }

// Do runs chromedp's actions.
func (tab *Tab) Do(actions ...chromedp.Action[chromedp.Void]) {
	tab.t.Helper()
	ctx, cancel := context.WithTimeout(tab.ctx, browserTimeout)
	defer cancel()
	if err := chromedp.Do(ctx, actions...); err != nil {
		tab.t.Fatalf("driving the browser: %v", err)
	}
}

// Open loads a page.
func (tab *Tab) Open(url string) {
	tab.t.Helper()
	tab.Do(chromedp.Navigate(url))
}

// targetReplaced is the code of what Chromium says of a page that is there no more.
const targetReplaced = -32000

// Wait waits until a JavaScript expression is true.
func (tab *Tab) Wait(expression string) {
	tab.t.Helper()
	ctx, cancel := context.WithTimeout(tab.ctx, browserTimeout)
	defer cancel()
	poll := chromedp.Poll[chromedp.Void](expression, chromedp.WithPollingInterval(20*time.Millisecond), chromedp.WithPollingTimeout(0)) // ctx ends it
	_, err := chromedp.Run(ctx, poll)
	// A page that another replaces, as when a form is sent, takes what looks at it with it.
	for replaced := (*cdproto.Error)(nil); errors.As(err, &replaced) && replaced.Code == targetReplaced && ctx.Err() == nil; {
		_, err = chromedp.Run(ctx, poll)
	}
	if err != nil {
		tab.t.Fatalf("waiting for %s: %v", expression, err)
	}
}

// Eval evaluates a JavaScript expression, or awaits the promise that it is, and
// reads the result into what into points to, as JSON.
func (tab *Tab) Eval(expression string, into any) {
	tab.t.Helper()
	ctx, cancel := context.WithTimeout(tab.ctx, browserTimeout)
	defer cancel()
	value, err := chromedp.Run(ctx, chromedp.Evaluate[[]byte](expression, chromedp.EvalAwaitPromise))
	if err == nil {
		err = json.Unmarshal(value, into)
	}
	if err != nil {
		tab.t.Fatalf("evaluating %s: %v", expression, err)
	}
}

// Type replaces what the input that a CSS selector finds holds, and presses Enter.
func (tab *Tab) Type(selector, text string) {
	tab.t.Helper()
	tab.Eval(fmt.Sprintf(`(document.querySelector(%q).value = "", true)`, selector), new(any))
	tab.Do(chromedp.SendKeys(selector, text+kb.Enter))
}

// Scripts says whether the pages opened from now on may run JavaScript.
func (tab *Tab) Scripts(run bool) {
	tab.t.Helper()
	tab.Do(chromedp.Func(func(ctx context.Context, target *chromedp.Target) error {
		_, err := cdp.Call(ctx, target, emulation.SetScriptExecutionDisabled, emulation.SetScriptExecutionDisabledParams{Value: !run})
		return err
	}))
}

// Screenshot returns a PNG of the whole page, scheme being "light" or "dark".
func (tab *Tab) Screenshot(width int, scheme string) []byte {
	tab.t.Helper()
	ctx, cancel := context.WithTimeout(tab.ctx, browserTimeout)
	defer cancel()
	prefer := emulation.SetEmulatedMediaParams{Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: scheme}}}
	set := chromedp.Func(func(ctx context.Context, target *chromedp.Target) error {
		_, err := cdp.Call(ctx, target, emulation.SetEmulatedMedia, prefer)
		return err
	})
	tab.Do(set, chromedp.EmulateViewport(int64(width), 900))
	png, err := chromedp.Run(ctx, chromedp.FullScreenshot(100))
	if err != nil {
		tab.t.Fatalf("taking a screenshot: %v", err)
	}
	return png
}

// Requests returns what the tab has asked for so far, in order, every hop of a
// redirect by itself.
func (tab *Tab) Requests() []Request {
	tab.mu.Lock()
	defer tab.mu.Unlock()
	made := make([]Request, len(tab.requests))
	for i, r := range tab.requests {
		made[i] = *r
	}
	return made
}

// Count returns how many requests went over the network, those the browser's
// cache answered left out, of those that match.
func (tab *Tab) Count(match func(url string) bool) int {
	n := 0
	for _, r := range tab.Requests() {
		if !r.FromCache && match(r.URL) {
			n++
		}
	}
	return n
}

// record keeps what the browser says of its requests. The second hop of a
// redirect is a further requestWillBeSent with the same id, which carries the
// first hop's response.
func (tab *Tab) record(event any) {
	tab.mu.Lock()
	defer tab.mu.Unlock()
	switch event := event.(type) {
	case *network.EventRequestWillBeSent:
		if event.RedirectResponse != nil {
			tab.answered(event.RequestID, event.RedirectResponse)
		}
		r := &Request{URL: event.Request.URL, Method: event.Request.Method}
		tab.requests = append(tab.requests, r)
		tab.current[event.RequestID] = r
	case *network.EventRequestServedFromCache:
		if r := tab.current[event.RequestID]; r != nil {
			r.FromCache = true
		}
	case *network.EventResponseReceived:
		tab.answered(event.RequestID, event.Response)
	case *network.EventLoadingFailed:
		if r := tab.current[event.RequestID]; r != nil {
			r.Failed = event.ErrorText
		}
	}
}

func (tab *Tab) answered(id network.RequestID, response *network.Response) {
	if r := tab.current[id]; r != nil {
		r.Status = int(response.Status)
		r.FromCache = r.FromCache || response.FromDiskCache || response.FromPrefetchCache
	}
}
