package proxy

import (
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"
	"github.com/valyala/fasthttp"

	"github.com/thumbedge/thumbedge/proxy/rates"
	"github.com/thumbedge/thumbedge/proxy/wire"
)

// LimitsConfig is [limits]: what one client may do, by its address (an IPv6 client's /64).
type LimitsConfig struct {
	Requests rates.Rate `toml:"requests"`
	Renders  rates.Rate `toml:"renders"` // requests for thumbnails that are not there yet
}

func (c LimitsConfig) validate() error {
	var errs []error
	for key, rate := range map[string]rates.Rate{"limits.requests": c.Requests, "limits.renders": c.Renders} {
		if err := rate.Validate(); err != nil {
			errs = append(errs, fmt.Errorf("%s: %w", key, err))
		}
	}
	return errors.Join(errs...)
}

// limits are what a client may do.
type limits struct {
	requests, renders *rates.Limit // nil: as it likes
	refused           limitMetrics
}

// limitMetrics count what was refused.
type limitMetrics struct{ requests, renders prometheus.Counter }

// newLimits returns those of a configuration, with the tables that there are.
func newLimits(cfg LimitsConfig, present *lasting, metrics limitMetrics) limits {
	return limits{requests: tableOf(present.requests, cfg.Requests), renders: tableOf(present.renders, cfg.Renders), refused: metrics}
}

func newLimitMetrics(reg prometheus.Registerer) limitMetrics {
	vec := promauto.With(reg).NewCounterVec(prometheus.CounterOpts{
		Name: "thumbedge_limited_total", Help: "Requests answered with 429, by the limit of [limits] that their client was over.",
	}, []string{"limit"})
	return limitMetrics{vec.WithLabelValues("requests"), vec.WithLabelValues("renders")}
}

// admit says whether a client is within a limit, and answers with 429 where it is not.
func admit(r *wire.Request, limit *rates.Limit, refused prometheus.Counter) bool {
	if limit == nil {
		return true
	}
	wait, ok := limit.Take(r.ClientKey(), time.Now())
	if ok {
		return true
	}
	refused.Inc()
	r.AnswerDetail(fasthttp.StatusTooManyRequests, "Too many requests.")
	header := &r.Own().Header
	header.Set("Cache-Control", "no-store")
	header.Set("Retry-After", strconv.Itoa(int((wait+time.Second-1)/time.Second)))
	return false
}

// admitRender is admit, for what may have to be rendered.
func (t *thumbnails) admitRender(r *wire.Request, w *wanted) bool {
	if !admit(r, t.limits.renders, t.limits.refused.renders) {
		t.done(r, w, outcomeLimited)
		return false
	}
	return true
}
