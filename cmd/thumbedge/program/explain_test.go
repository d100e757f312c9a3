package program_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"github.com/thumbedge/thumbedge/cmd/thumbedge/config"
	"github.com/thumbedge/thumbedge/cmd/thumbedge/explain"
	"github.com/thumbedge/thumbedge/internal/testenv"
)

// What is said of a capture is what a request for it then gets, whatever is wrong with it.
func TestExplainSaysWhatARequestGets(t *testing.T) {
	t.Parallel()
	s := newSite(t, with(func(f *config.File) { f.Source.RetryAfter = time.Hour }))
	explained := func(id int64) (e explain.Capture) {
		response, body := s.get(fmt.Sprintf("http://%s/explain/%d", s.program.AdminAddr(), id))
		if err := json.Unmarshal(body, &e); err != nil || response.StatusCode != http.StatusOK {
			t.Fatalf("%s, %v: %s", response.Status, err, body)
		}
		return e
	}
	cold, warm, narrow := s.capture(), s.capture(), s.capture()
	s.get(s.route(warm, "?label=small"))
	s.row(narrow, "small", 99)
	s.exec(`INSERT INTO main_sourceimage (path, public_base_url, timestamp, width, height, size, last_modified, project_id)
		VALUES ('gone.jpg', 'http://user:hunter2@127.0.0.1:9/x', '2026-06-12 23:00', 640, 480, 1, now(), 1)`)
	broken := one[int64](s, `SELECT max(id) FROM main_sourceimage`)
	s.get(s.route(broken, "?label=medium"))
	s.project = 2
	draft := s.capture()

	for name, c := range map[string]struct {
		id                             int64
		standing, verdict, why, answer string
	}{
		"cold":    {cold, "public", "cold", "there is no row", "302, once it is rendered"},
		"warm":    {warm, "public", "warm", "names a file", "302 to /media/thumbnails/capture_"},
		"stale":   {narrow, "public", "stale", "the row's width is 99, and the label's 240", "302, once it is rendered"},
		"broken":  {broken, "public", "cold", "there is no row", "a wider label that is warm, or the original, or 502"},
		"draft":   {draft, "draft or private", "cold", "", "the app's"},
		"missing": {1 << 40, "missing", "", "", ""},
	} {
		e := explained(c.id)
		if !strings.Contains(c.standing, e.Standing) || int64(e.ID) != c.id {
			t.Errorf("%s: %+v", name, e)
		}
		if c.verdict == "" {
			continue
		}
		small := e.Labels[0]
		if small.Label != "small" || small.Verdict != c.verdict || !strings.Contains(small.Why, c.why) || !strings.Contains(small.Answer, c.answer) {
			t.Errorf("%s: %+v", name, small)
		}
		if failed := small.Failure != ""; failed != (name == "broken") || strings.Contains(e.Original+small.Failure, "hunter2") {
			t.Errorf("%s: original %s, failure %q", name, e.Original, small.Failure)
		}
		response, _ := s.get(s.route(c.id, "?label=small"))
		if is302 := strings.HasPrefix(c.answer, "302"); is302 && response.StatusCode != http.StatusFound && response.StatusCode != http.StatusOK ||
			name == "broken" && response.StatusCode != http.StatusBadGateway {
			t.Errorf("%s: it was to be %s, and is %s", name, small.Answer, response.Status)
		}
	}
	if response, _ := s.get("http://" + s.program.AdminAddr() + "/explain/x"); response.StatusCode != http.StatusBadRequest {
		t.Errorf("of what is no id: %s", response.Status)
	}
	var status struct {
		Answers  struct{ Wrong []struct{ Text string } }
		Failures []struct {
			ID                int64
			Label, Cause, Why string
		}
	}
	_, body := s.get("http://" + s.program.AdminAddr() + "/status")
	if err := json.Unmarshal(body, &status); err != nil || len(status.Failures) != 1 || status.Failures[0].ID != broken || status.Failures[0].Label != "medium" || status.Failures[0].Cause != "host_silent" || strings.Contains(status.Failures[0].Why, "hunter2") {
		t.Errorf("the status page lists %+v, %v", status.Failures, err)
	}
	wrong := status.Answers.Wrong
	if len(wrong) != 1 || !strings.HasPrefix(wrong[0].Text, "1 thumbnail could not be made since the start") || !strings.Contains(wrong[0].Text, ": 1 host silent.") {
		t.Errorf("of what is wrong it says %+v", wrong)
	}
	s.explainsInABrowser(broken)
}

// explainsInABrowser goes from the status page to why a capture has no thumbnail, by the
// list of failures and by the form, without JavaScript, and leaves pictures.
func (s *site) explainsInABrowser(id int64) {
	s.Helper()
	tab := testenv.Browser(s)
	tab.Scripts(false)
	base := "http://" + s.program.AdminAddr()
	shows := func(text string) bool {
		var page string
		tab.Eval(`document.body?.innerText ?? ""`, &page)
		return strings.Contains(page, text)
	}
	heading := fmt.Sprintf("Capture %d", id)
	tab.Open(base + "/")
	tab.Do(chromedp.Click(`#failures a`))
	s.eventually("the list leads to the capture", func() bool {
		return shows(heading) && shows("a wider label that is warm, or the original, or 502") && shows("host silent")
	})
	tab.Open(base + "/")
	tab.Type("#capture", fmt.Sprint(id))
	s.eventually("the form leads to the capture", func() bool { return shows(heading) })
	for _, picture := range []struct {
		name, scheme string
		width        int
	}{{"explain_light", "light", 1280}, {"explain_phone", "dark", 400}} {
		keep(s.T, picture.name+".png", tab.Screenshot(picture.width, picture.scheme))
		var overflow int
		if tab.Eval(`document.documentElement.scrollWidth - document.documentElement.clientWidth`, &overflow); overflow > 0 {
			s.Errorf("%s: the page is %d pixels wider than its window", picture.name, overflow)
		}
	}
	tab.Type("#capture", "0")
	s.eventually("what is no id is told", func() bool { return shows("positive 64-bit integer") })
}
