package program_test

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/thumbedge/thumbedge/cmd/thumbedge/cli"
	"github.com/thumbedge/thumbedge/cmd/thumbedge/config"
	"github.com/thumbedge/thumbedge/cmd/thumbedge/program"
	"github.com/thumbedge/thumbedge/internal/testenv"
)

// told is everything that the program says to anybody.
type told struct {
	*site
	answers strings.Builder
}

// ask asks thumbedge, and keeps what it answers.
func (s *told) ask(method, target string, header ...string) (status int) {
	s.Helper()
	response, body := s.do(method, target, nil, header...)
	fmt.Fprintf(&s.answers, "%s %s: %s %v %s\n", method, target, response.Status, response.Header, body)
	return response.StatusCode
}

// holds says what of the secrets was told: to the log, to clients, to operators.
func (s *told) holdsNone(secrets ...string) {
	s.Helper()
	s.log.mu.Lock()
	logged := s.log.text.String()
	s.log.mu.Unlock()
	if !strings.Contains(logged, "level=DEBUG") {
		s.Error("nothing is logged at debug")
	}
	for place, text := range map[string]string{"the log": logged, "an answer": s.answers.String()} {
		for _, secret := range secrets {
			for _, form := range []string{secret, url.QueryEscape(secret)} {
				if at := strings.Index(text, form); at >= 0 {
					s.Errorf("%s is in %s: %s", secret, place, text[max(0, at-200):min(len(text), at+60)])
				}
			}
		}
	}
}

// asksEverything has everything fail that can, and asks whoever tells about it.
func (s *told) asksEverything(ids []int64, token string) {
	s.Helper()
	for _, id := range ids {
		for _, label := range []string{"small", "medium", "nope"} {
			s.ask(http.MethodGet, s.route(id, "?label="+label))
		}
	}
	_, _ = s.get(s.url + "/api/v2/captures/") // whatever the app says in it
	s.ask(http.MethodGet, s.url+"/elsewhere", "Authorization", "Bearer MARKclient", "Cookie", "sessionid=MARKcookie")
	admin := "http://" + s.program.AdminAddr()
	for _, path := range []string{"/", "/metrics", "/healthz", "/readyz", "/cache", "/cache/captures/1", "/nope"} {
		for _, header := range [][]string{nil, {"Authorization", "Bearer MARKwrong"}, {"Authorization", "Bearer " + token}} {
			s.ask(http.MethodGet, admin+path, header...)
		}
	}
	s.ask(http.MethodPut, admin+"/cache", "Authorization", "Bearer "+token)
}

// startTold starts thumbedge, with everything logged that can be.
func startTold(s *site) *told {
	s.Helper()
	p, err := program.Start(s.file, program.Options{Log: slog.New(slog.NewTextHandler(s.log, &slog.HandlerOptions{Level: slog.LevelDebug}))})
	if err != nil {
		s.Fatal(err)
	}
	s.program, s.url = p, "http://"+p.Addr()
	s.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
		defer cancel()
		_ = p.Close(ctx)
	})
	return &told{site: s}
}

const adminToken = "MARKtoken-0123456789abcdef0123456789abcdef"

// No secret of the configuration or the database is told when parts fail: to the log at
// debug, in answers, metrics, readiness or the status page.
func TestFailuresTellNoSecrets(t *testing.T) {
	t.Parallel()
	s := newSite(t, unstarted, onS3, with(func(f *config.File) {
		f.Storage.SecretKey = "MARKstorage" // every request gets 403
		f.Server.Admin.Token = adminToken
		f.Log.Access = true
	}))
	sends := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch {
		case strings.HasSuffix(r.URL.Path, "userinfo.jpg"):
			w.Header().Set("Location", "http://who:MARKlocation@"+r.Host+"/x.jpg")
		case strings.HasSuffix(r.URL.Path, "query.jpg"):
			w.Header().Set("Location", "http://127.0.0.1:1/x.jpg?X-Amz-Signature=MARKsignature")
		default:
			w.Header().Set("Location", "http://who:MARKmalformed@[::1/%zz?X-Amz-Signature=MARKsignature")
		}
		w.WriteHeader(http.StatusFound)
	}))
	defer sends.Close()
	ids := s.captures(11)
	for i, base := range []string{
		"http://who:MARKbase@127.0.0.1:1/", sends.URL + "/userinfo.jpg?", sends.URL + "/query.jpg?", sends.URL + "/bad.jpg?",
		"http://who:MARKbase@ho st/", "http://who:MARKbase@host:port/", "ftp://who:MARKbase@host/", s.originals.URL + "/?token=MARKtokened&",
	} {
		s.exec(`UPDATE main_sourceimage SET public_base_url = $2 WHERE id = $1`, ids[i], base)
	}
	for i, endpoint := range []string{s.bucket.Endpoint, "http://who:MARKendpoint@127.0.0.1:1"} {
		s.exec(`WITH source AS (INSERT INTO main_s3storagesource (name, bucket, region, prefix, access_key, secret_key, endpoint_url)
				VALUES ('traps', $2, 'us-east-1', '', $3, 'MARKbucket', $4) RETURNING id),
			deployment AS (INSERT INTO main_deployment (name, project_id, data_source_id) SELECT 'trap', 1, id FROM source RETURNING id)
			UPDATE main_sourceimage SET public_base_url = NULL, deployment_id = deployment.id FROM deployment WHERE main_sourceimage.id = $1`,
			ids[8+i], s.bucket.Name, s.bucket.AccessKey, endpoint)
	}
	all := startTold(s)
	all.asksEverything(ids, adminToken)
	if n := s.log.count("Forbidden") + s.log.count("403"); n == 0 {
		t.Error("no storage refused anything")
	}
	all.holdsNone("MARK")
}

// The same, with the database and the app away.
func TestOutagesTellNoSecrets(t *testing.T) {
	t.Parallel()
	for name, away := range map[string]func(f *config.File){
		"no server": func(f *config.File) {
			f.Database.URL = "postgres://who:MARKpassword@127.0.0.1:1/x?sslmode=disable&application_name=x"
			f.Upstream.URL = "http://127.0.0.1:1"
		},
		"no such role": func(f *config.File) {
			f.Database.URL = strings.Replace(f.Database.URL, "postgres@", "nobody:MARKpassword@", 1)
		},
		"a wrong password": func(f *config.File) {
			wrong := askingForPasswords(t)
			f.Database.URL, f.Database.ListenURL = wrong, wrong
			f.Upstream.URL = "http://127.0.0.1:1"
		},
		"no such host": func(f *config.File) {
			f.Database.URL = "postgres://who:MARKpassword@no.such.host.invalid/x"
			f.Database.ListenURL = "host=127.0.0.1 port=1 user=who password=MARKlisten dbname=x"
			f.Upstream.URL = "http://no.such.host.invalid"
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newSite(t, unstarted, with(away), with(func(f *config.File) {
				f.Server.Admin.Token, f.Log.Access = adminToken, true
			}))
			all := startTold(s)
			all.asksEverything(s.captures(2), adminToken)
			if s.log.count("error=") == 0 {
				t.Error("no failure is logged")
			}
			if name == "a wrong password" {
				s.eventually("it is refused", func() bool { return s.log.count("password authentication failed") > 0 })
			}
			all.checks()
			all.holdsNone("MARK")
		})
	}
}

// askingForPasswords starts a server of the test's own that lets nobody in without the right
// password, and returns its URL with a wrong one.
func askingForPasswords(t *testing.T) (wrong string) {
	t.Helper()
	server := testenv.Postgres(t)
	conn, err := pgx.Connect(t.Context(), server.TCPURL("postgres"))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(context.Background())
	hba := filepath.Join(server.Config().Dir, "data", "pg_hba.conf")
	if err := os.WriteFile(hba, []byte("local all all trust\nhost all all 127.0.0.1/32 scram-sha-256\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	for _, statement := range []string{`ALTER ROLE postgres PASSWORD 'right'`, `SELECT pg_reload_conf()`} {
		if _, err := conn.Exec(t.Context(), statement); err != nil {
			t.Fatal(err)
		}
	}
	return strings.Replace(server.TCPURL("postgres"), "postgres@", "postgres:MARKwrong@", 1)
}

// checks has thumbedge check try it all, and keeps what it prints.
func (s *told) checks() {
	s.Helper()
	env := cli.Env{Version: "test", Stdout: &s.answers, Stderr: &s.answers, LookupEnv: os.LookupEnv}
	if code := cli.Main(s.Context(), env, []string{"check", "--config", s.writeConfig()}); code == 0 {
		s.Error("check finds nothing")
	}
}

// A password in an address that takes none is not told by what refuses it, nor is one of a
// proxy, through which storage is not reached.
func TestAddressesTellNoSecrets(t *testing.T) {
	t.Parallel()
	for name, edit := range map[string]func(f *config.File){
		"the app":              func(f *config.File) { f.Upstream.URL = "http://who:MARKapp@127.0.0.1:1" },
		"the app, escaped":     func(f *config.File) { f.Upstream.URL = "http://who:MARK%2Fapp@127.0.0.1:1/%zz" },
		"storage":              func(f *config.File) { f.Storage.Endpoint = "http://who:MARKendpoint@127.0.0.1:1" },
		"where files are read": func(f *config.File) { f.Storage.PublicBaseURL = "https://who:MARKbase@127.0.0.1:1" },
		"the database":         func(f *config.File) { f.Database.URL = "postgres://who:MARKdatabase@[::1/x" },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newSite(t, unstarted, onS3, with(edit))
			for _, command := range []string{"check", "serve"} {
				var said strings.Builder
				env := cli.Env{Version: "test", Stdout: &said, Stderr: &said, LookupEnv: os.LookupEnv}
				if code := cli.Main(t.Context(), env, []string{command, "--config", s.writeConfig()}); code == 0 || strings.Contains(said.String(), "MARK") || said.Len() == 0 {
					t.Errorf("%s says: %s", command, &said)
				}
			}
		})
	}
	t.Run("a proxy", func(t *testing.T) {
		t.Parallel()
		s := newSite(t, unstarted, onS3, with(func(f *config.File) {
			f.Storage.Endpoint, f.Log.Level = "http://storage.invalid", "debug"
		}))
		id := s.capture()
		const proxy = "http://who:MARKproxy@127.0.0.1:1"
		r := s.serveBy(exec.Command(os.Args[0]), serveVariable+"="+s.writeConfig(), "HTTP_PROXY="+proxy, "HTTPS_PROXY="+proxy, "http_proxy="+proxy)
		all := &told{site: s}
		s.eventually("storage is not reached", func() bool {
			all.answers.Reset()
			all.ask(http.MethodGet, strings.TrimSuffix(r.metrics, "/metrics")+"/readyz")
			all.ask(http.MethodGet, strings.TrimSuffix(r.metrics, "/metrics")+"/status")
			all.ask(http.MethodGet, r.metrics)
			all.ask(http.MethodGet, fmt.Sprintf("%s/api/v2/captures/thumbnails/%d/?label=small", r.url, id))
			return s.log.count("proxyconnect") > 0 && s.log.count("level=DEBUG") > 0
		})
		all.holdsNone("MARK")
	})
}
