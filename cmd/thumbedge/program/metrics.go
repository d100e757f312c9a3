package program

import (
	"runtime"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"

	"github.com/thumbedge/thumbedge/imaging/render"
)

// registerProcess registers what is known of the process as a whole.
func registerProcess(registry *prometheus.Registry, version string) {
	build := prometheus.NewGauge(prometheus.GaugeOpts{
		Name:        "thumbedge_build_info",
		Help:        "Always 1; the labels say which build of thumbedge runs and how it renders.",
		ConstLabels: prometheus.Labels{"version": version, "engine": render.Engine(), "go": runtime.Version()},
	})
	build.Set(1)
	registry.MustRegister(build,
		collectors.NewGoCollector(),
		collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
}
