package imaging

// SweepOnce sweeps now.
func (r *Renderer) SweepOnce() { r.sweepOnce(r.jobs.lifetime) }
