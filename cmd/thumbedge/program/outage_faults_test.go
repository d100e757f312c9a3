package program_test

import (
	"context"
	"os"
	"path/filepath"

	"github.com/jackc/pgx/v5"

	"github.com/thumbedge/thumbedge/internal/postgresd"
	"github.com/thumbedge/thumbedge/internal/testenv"
)

// silence has a link swallow everything, and close nothing.
var silence = []testenv.Fault{
	{Type: "timeout", Attributes: map[string]int{"timeout": 0}},
	{Type: "timeout", Stream: "upstream", Attributes: map[string]int{"timeout": 0}},
}

// kill ends the server by SIGKILL: it tells nobody, its processes find out.
func (o *outage) kill() {
	if err := o.server.Process().Kill(); err != nil {
		o.Error(err)
	}
}

// restart starts the server again, when the killed one's processes are gone.
func (o *outage) restart() {
	o.Helper()
	o.eventually("the killed server starts again", func() bool {
		again, err := postgresd.Start(context.Background(), o.server.Config())
		if err == nil {
			o.server = again
			o.Cleanup(func() { _ = again.Stop() })
		}
		return err == nil
	})
}

// fillUp takes every connection that the server has, and thumbedge's too.
func (o *outage) fillUp() {
	o.Helper()
	terminate := o.connect(o.server)
	o.takers = append(o.takers, terminate)
	o.eventually("the server has no room for thumbedge", func() bool {
		for {
			conn, err := pgx.Connect(context.Background(), o.server.TCPURL("postgres"))
			if err != nil {
				break
			}
			o.takers = append(o.takers, conn)
		}
		// One that is being made holds its place unseen.
		var all, left int
		err := terminate.QueryRow(context.Background(), `SELECT count(*), count(*) FILTER (WHERE application_name LIKE 'thumbedge%' AND pg_terminate_backend(pid))
			FROM pg_stat_activity WHERE backend_type = 'client backend'`).Scan(&all, &left)
		return err == nil && all == outageConnections && left == 0
	})
}

func (o *outage) makeRoom() {
	for _, conn := range o.takers {
		_ = conn.Close(context.Background())
	}
}

// makeStandby restarts the server as a hot standby: it answers queries, and refuses
// every write, LISTEN among them.
func (o *outage) makeStandby() {
	o.Helper()
	if err := o.server.Stop(); err != nil {
		o.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(o.server.Config().Dir, "data", "standby.signal"), nil, 0o644); err != nil {
		o.Fatal(err)
	}
	o.restart()
}

func (o *outage) promote() {
	o.Helper()
	conn := o.connect(o.server)
	defer conn.Close(context.Background())
	if _, err := conn.Exec(context.Background(), `SELECT pg_promote()`); err != nil {
		o.Fatal(err)
	}
}

// failOver: after the silence, connections that are open are cut, and new ones lead to
// the other server.
func (o *outage) failOver() {
	for _, link := range []*testenv.FaultyLink{o.link, o.listening} {
		link.Lead(o.other.Addr())
		link.Set()
	}
	o.server = o.other
}
