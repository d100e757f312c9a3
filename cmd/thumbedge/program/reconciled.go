package program

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/thumbedge/thumbedge/cmd/thumbedge/reconcile"
)

// reconciled returns the summary of reconcile's last run, in which that of private storage
// is where there was one; nil where none is known.
func (p *Program) reconciled(ctx context.Context) json.RawMessage {
	ctx, cancel := context.WithTimeout(ctx, time.Second)
	defer cancel()
	summary, err := p.store.Remembered(ctx, reconcile.LastRun)
	if err == nil && summary != nil && p.private.storage != nil {
		summary, err = p.withPrivateRun(ctx, summary)
	}
	if err != nil {
		p.opts.Log.Debug("reconcile's last run is not known", "error", err)
	}
	return summary
}

// withPrivateRun adds the last run on private storage.
func (p *Program) withPrivateRun(ctx context.Context, summary json.RawMessage) (json.RawMessage, error) {
	private, err := p.store.Remembered(ctx, reconcile.LastPrivateRun)
	if err != nil || private == nil {
		return summary, err
	}
	var both reconcile.Summary
	if err := errors.Join(json.Unmarshal(summary, &both), json.Unmarshal(private, &both.Private)); err != nil {
		return summary, fmt.Errorf("reading what reconcile remembered: %w", err)
	}
	text, err := json.Marshal(both)
	if err != nil {
		return summary, fmt.Errorf("writing what reconcile remembered: %w", err)
	}
	return text, nil
}
