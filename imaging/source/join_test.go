package source

import (
	"encoding/json"
	"net/url"
	"os"
	"strings"
	"testing"
)

// Every case was recorded from Python itself, by testdata/urljoin.py.
func TestUrljoinIsPythons(t *testing.T) {
	t.Parallel()
	recorded, err := os.ReadFile("testdata/urljoin.json")
	if err != nil {
		t.Fatal(err)
	}
	var cases [][3]string
	if err := json.Unmarshal(recorded, &cases); err != nil || len(cases) < 2000 {
		t.Fatalf("%d cases, %v", len(cases), err)
	}
	for _, c := range cases {
		if got := urljoin(c[0], c[1]); got != c[2] {
			t.Errorf("urljoin(%q, %q) = %q, Python says %q", c[0], c[1], got, c[2])
		}
	}
}

// What Python's urljoin(base, path.lstrip("/")) gives, escaped as the requests
// library escapes it.
func TestJoin(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ base, path, want string }{
		{"https://h/a/", "b.jpg", "https://h/a/b.jpg"},
		{"https://h/a/", "/b.jpg", "https://h/a/b.jpg"},
		{"https://h/a/", "//other/b.jpg", "https://h/a/other/b.jpg"},
		{"https://h/a", "b.jpg", "https://h/b.jpg"},
		{"https://h", "x.jpg", "https://h/x.jpg"},
		{"HTTPS://h:8443/a/", "b.jpg", "https://h:8443/a/b.jpg"},
		{"https://h/a/b/", "../c.jpg", "https://h/a/c.jpg"},
		{"https://h/a/b", "../../../x", "https://h/x"},
		{"https://h/a/", "./x", "https://h/a/x"},
		{"https://h/a/", "a/b/../c;p.jpg", "https://h/a/a/c;p.jpg"},
		{"https://h/a/", "", "https://h/a/"},
		{"https://h/a/?q=1", "", "https://h/a/?q=1"},
		{"https://h/a?x=/b/", "c.jpg", "https://h/c.jpg"},
		{"https://h/a/", "x?y=1", "https://h/a/x?y=1"},
		{"https://h/a/", "?v=2", "https://h/a/?v=2"},
		{"https://h/a/", "x#1.jpg", "https://h/a/x"},
		{"https://h/a/", "http://o/x", "http://o/x"},
		{"https://h/a/", "cam:1/x.jpg", "cam:1/x.jpg"},
		{"https://h/a/", "2024-06-01T12:00:00.jpg", "https://h/a/2024-06-01T12:00:00.jpg"},
		{"https://h/a/", "x y.jpg", "https://h/a/x%20y.jpg"},
		{"https://h/a/", "x%20y.jpg", "https://h/a/x%20y.jpg"},
		{"https://h/a/", "x%2Fy z.jpg", "https://h/a/x%2Fy%20z.jpg"},
		{"https://h/a/", "100%.jpg", "https://h/a/100%25.jpg"},
		{"https://h/a/", "é.jpg", "https://h/a/%C3%A9.jpg"},
		{"https://h/a/", "a\\b\"<>^`{|}\n.jpg", "https://h/a/a%5Cb%22%3C%3E%5E%60%7B%7C%7D.jpg"},
		{"https://h/a b/", "c.jpg", "https://h/a%20b/c.jpg"},
		{"https://u:p@h/a/", "c.jpg", "https://u:p@h/a/c.jpg"},
		{"https://good.example@evil.example/", "c.jpg", "https://good.example@evil.example/c.jpg"},
		{"/media/", "a/b.jpg", "/media/a/b.jpg"},
		{"/media/", "../../x.jpg", "/x.jpg"},
		{"//o/x/", "y.jpg", "//o/x/y.jpg"},
	} {
		got, err := join(c.base, c.path)
		if err != nil || got.String() != c.want {
			t.Errorf("join(%q, %q) = %v, %v; want %s", c.base, c.path, got, err, c.want)
		}
	}
	for _, base := range []string{"https://h:port/", "https://[::1/", "https://a b/", "https://a\"b/", "//<a>/"} {
		if got, err := join(base, "x"); err == nil {
			t.Errorf("join(%q) = %v, want an error", base, got)
		}
	}
}

func FuzzJoin(f *testing.F) {
	f.Add("https://h/a/", "b c%.jpg?x#y")
	f.Add("/media/", "//../a:b")
	f.Add("0", " //\"")
	f.Fuzz(func(t *testing.T, base, path string) {
		joined, err := join(base, path)
		if err != nil {
			return
		}
		text := joined.String()
		if strings.ContainsAny(text, " \r\n\t\\<>\"") {
			t.Errorf("%q holds what no URL may", text)
		}
		// What is fetched is what was judged.
		again, err := url.Parse(text)
		if isHTTP(joined) && joined.Host != "" && (err != nil || again.Host != joined.Host || again.Scheme != joined.Scheme) {
			t.Errorf("%q was judged as host %q, and is read again as %v, %v", text, joined.Host, again, err)
		}
	})
}
