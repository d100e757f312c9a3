package postgres

import (
	"sync/atomic"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/prometheus/client_golang/prometheus"
)

// Metrics are the collectors of this package. The zero value is of no use; one
// value serves one Store and one Listen.
type Metrics struct {
	seconds       *prometheus.HistogramVec // by operation
	failures      *prometheus.CounterVec   // by operation
	panics        *prometheus.CounterVec   // by operation
	installed     *prometheus.GaugeVec     // by part
	notifications *prometheus.CounterVec   // by kind
	listening     prometheus.Gauge
	connects      prometheus.Counter
	roundTrip     prometheus.Histogram
	pool          atomic.Pointer[pgxpool.Pool]
}

// NewMetrics makes the collectors and registers them.
func NewMetrics(reg prometheus.Registerer) *Metrics {
	m := &Metrics{
		seconds: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name:    "thumbedge_database_seconds",
			Help:    "Time that an operation on the database took, failed ones too, waiting for a connection included.",
			Buckets: prometheus.ExponentialBuckets(0.00025, 2, 15),
		}, []string{"operation"}),
		failures: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "thumbedge_database_failures_total",
			Help: "Operations on the database that failed.",
		}, []string{"operation"}),
		panics: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "thumbedge_database_panics_total",
			Help: "Panics contained in operations on the database, which count as no failure of it. Any is a bug.",
		}, []string{"operation"}),
		installed: prometheus.NewGaugeVec(prometheus.GaugeOpts{
			Name: "thumbedge_database_installed",
			Help: "1 where the part that thumbedge migrate makes was there, and usable, when last looked for.",
		}, []string{"part"}),
		notifications: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "thumbedge_notifications_total",
			Help: "Notifications that came from the database: of one capture, of everything, or the listener's own heartbeat.",
		}, []string{"kind"}),
		listening: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "thumbedge_listener_up",
			Help: "1 while changes in the database are being notified to this process.",
		}),
		connects: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "thumbedge_listener_connects_total",
			Help: "Connections that the listener has opened, or tried to.",
		}),
		roundTrip: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name:    "thumbedge_listener_heartbeat_seconds",
			Help:    "Time until a heartbeat that the listener sent came back.",
			Buckets: prometheus.ExponentialBuckets(0.00025, 2, 14),
		}),
	}
	reg.MustRegister(m.seconds, m.failures, m.panics, m.installed, m.notifications, m.listening, m.connects, m.roundTrip,
		m.poolGauge("thumbedge_database_connections_open", "Connections of the pool that are open.", (*pgxpool.Stat).TotalConns),
		m.poolGauge("thumbedge_database_connections_busy", "Connections of the pool that are in use.", (*pgxpool.Stat).AcquiredConns),
		m.poolGauge("thumbedge_database_connections_limit", "Connections that the pool may open (database.max_conns).", (*pgxpool.Stat).MaxConns),
	)
	return m
}

func (m *Metrics) poolGauge(name, help string, read func(*pgxpool.Stat) int32) prometheus.Collector {
	return prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: name, Help: help}, func() float64 {
		pool := m.pool.Load()
		if pool == nil {
			return 0
		}
		return float64(read(pool.Stat()))
	})
}

func (m *Metrics) setInstalled(i Installed, private bool) {
	parts := map[string]bool{"schema": i.Schema, "triggers": i.Triggers}
	if private {
		parts["private"] = i.Private
	}
	for part, there := range parts {
		value := 0.0
		if there {
			value = 1
		}
		m.installed.WithLabelValues(part).Set(value)
	}
}
