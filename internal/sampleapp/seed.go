package sampleapp

import (
	"context"
	"fmt"
	"path"
	"time"

	"github.com/jackc/pgx/v5"
)

// The tokens that Seed makes: of two members of the draft project, and of a user who is a
// member of nothing.
const (
	OwnerToken    = "demo-owner"
	MemberToken   = "demo-member"
	StrangerToken = "demo-stranger"
)

// sites are the seeded deployments, by the camera that takes their photos; the
// last is the draft's, and has some photos of the first one's camera.
var sites = []struct {
	project, name, folder string
	draft                 bool
}{
	{"Moths of the Green Hills", "Snail 1, meadow edge", "snail-1", false},
	{"Moths of the Green Hills", "Hedgerow sheet", "hedgerow", false},
	{"Fenland survey", "Fen east", "fen-east", false},
	{"Pilot season (draft)", "Pilot trap", "pilot", true},
}

// draftNights is how many nights the draft project's trap was out, at most.
const draftNights = 5

// firstNight is the noon before the first seeded night.
var firstNight = time.Date(2026, 6, 12, 12, 0, 0, 0, time.UTC)

// Seed fills an empty database: a capture of each photo on each of so many nights,
// in events by deployment and night, in two public projects, and a draft project
// with a few. Each capture has an original of its own in the media folder, a
// second name of the photo's file. On a seeded database it only restores
// originals that are not there.
func (a *App) Seed(ctx context.Context, photos []Photo, nights int) error {
	err := pgx.BeginFunc(ctx, a.pool, func(tx pgx.Tx) error {
		var seeded bool
		err := tx.QueryRow(ctx, `SELECT EXISTS (SELECT FROM sample_token WHERE token = $2) FROM pg_advisory_xact_lock($1)`,
			prepareLock, OwnerToken).Scan(&seeded)
		if err != nil || seeded {
			return err
		}
		return a.fill(ctx, tx, photos, nights)
	})
	if err != nil {
		return fmt.Errorf("seeding the database: %w", err)
	}
	for site := range sites {
		for night := range nights {
			for _, s := range shots(site, night, photos) {
				name := originalsFolder + s.path
				if err := a.media.MkdirAll(path.Dir(name), 0o755); err != nil {
					return fmt.Errorf("making a folder of originals: %w", err)
				}
				if err := a.link(s.photo.File, name); err != nil {
					return fmt.Errorf("placing original %s: %w", s.path, err)
				}
			}
		}
	}
	return nil
}

// shot is one seeded capture.
type shot struct {
	photo *Photo
	taken time.Time
	path  string
}

// shots returns what a site's camera took in a night.
func shots(site, night int, photos []Photo) []shot {
	var taken []shot
	noon := firstNight.AddDate(0, 0, night)
	camera := site
	if sites[site].draft {
		camera = 0
	}
	for i := range photos {
		p := &photos[i]
		if p.Camera != camera || sites[site].draft && night >= draftNights {
			continue
		}
		at := noon.Add(p.Clock)
		taken = append(taken, shot{p, at, fmt.Sprintf("%s/%s/%s-snapshot.jpg", sites[site].folder, noon.Format("2006-01-02"), at.Format("20060102150405"))})
	}
	return taken
}

// fill inserts all rows.
func (a *App) fill(ctx context.Context, tx pgx.Tx, photos []Photo, nights int) error {
	projects, now := map[string]int64{}, time.Now()
	var rows [][]any
	for site, s := range sites {
		project, ok := projects[s.project]
		if !ok {
			if err := tx.QueryRow(ctx, `INSERT INTO main_project (created_at, updated_at, name, description, draft, feature_flags, active, priority, session_time_gap_seconds, default_filters_score_threshold)
				VALUES (now(), now(), $1, '', $2, '{}', true, 1, 7200, 0.5) RETURNING id`, s.project, s.draft).Scan(&project); err != nil {
				return err
			}
			projects[s.project] = project
		}
		var deployment int64
		if err := tx.QueryRow(ctx, `INSERT INTO main_deployment (created_at, updated_at, name, description, project_id)
			VALUES (now(), now(), $1, '', $2) RETURNING id`, s.name, project).Scan(&deployment); err != nil {
			return err
		}
		for night := range nights {
			taken := shots(site, night, photos)
			if len(taken) == 0 {
				continue
			}
			var event int64
			noon := firstNight.AddDate(0, 0, night)
			err := tx.QueryRow(ctx, `INSERT INTO main_event (created_at, updated_at, group_by, start, project_id, deployment_id)
				VALUES (now(), now(), $1, $2, $3, $4) RETURNING id`,
				noon.Format("2006-01-02"), taken[0].taken, project, deployment).Scan(&event)
			if err != nil {
				return err
			}
			for _, s := range taken {
				rows = append(rows, []any{now, now, false, s.path, a.cfg.OriginalsURL, s.taken, s.photo.Width, s.photo.Height, s.photo.Size, s.taken, deployment, event, project})
			}
		}
	}
	_, err := tx.CopyFrom(ctx, pgx.Identifier{"main_sourceimage"}, []string{"created_at", "updated_at", "test_image", "path", "public_base_url", "timestamp", "width", "height", "size",
		"last_modified", "deployment_id", "event_id", "project_id"}, pgx.CopyFromRows(rows))
	if err != nil {
		return err
	}
	_, err = tx.Exec(ctx, `INSERT INTO sample_token (token, name) VALUES ($1, 'Owner'), ($2, 'Member'), ($3, 'Stranger')`, OwnerToken, MemberToken, StrangerToken)
	if err != nil {
		return err
	}
	_, err = tx.Exec(ctx, `INSERT INTO sample_member (token, project_id) SELECT token, p.id FROM main_project p, sample_token WHERE draft AND token IN ($1, $2)`, OwnerToken, MemberToken)
	return err
}
