package imaging

// SweepOnce sweeps now.
func (r *Renderer) SweepOnce() {
	for _, s := range r.shelves() {
		r.sweepOnce(r.jobs.lifetime, s)
	}
}
