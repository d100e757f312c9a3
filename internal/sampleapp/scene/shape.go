package scene

import "math"

// curve rounds a closed outline off: a Catmull-Rom spline through its points.
func curve(through []point) []point {
	const steps = 8
	n := len(through)
	round := make([]point, 0, n*steps)
	for i := range n {
		a, b, c, d := through[(i+n-1)%n], through[i], through[(i+1)%n], through[(i+2)%n]
		for s := range steps {
			round = append(round, spline(a, b, c, d, float32(s)/steps))
		}
	}
	return round
}

// curveOpen rounds a line off.
func curveOpen(through []point) []point {
	const steps = 6
	var round []point
	for i := range len(through) - 1 {
		a, d := through[max(0, i-1)], through[min(len(through)-1, i+2)]
		for s := range steps {
			round = append(round, spline(a, through[i], through[i+1], d, float32(s)/steps))
		}
	}
	return append(round, through[len(through)-1])
}

func spline(a, b, c, d point, t float32) point {
	one := func(a, b, c, d float32) float32 {
		return b + 0.5*t*(c-a+t*(2*a-5*b+4*c-d+t*(3*(b-c)+d-a)))
	}
	return point{one(a.u, b.u, c.u, d.u), one(a.v, b.v, c.v, d.v)}
}

// stroke makes the outline of a line that tapers towards its end.
func stroke(line []point, wide float32) []point {
	var left, right []point
	for i, p := range line {
		a, b := line[max(0, i-1)], line[min(len(line)-1, i+1)]
		du, dv := b.u-a.u, b.v-a.v
		length := max(1e-6, sqrt(du*du+dv*dv))
		half := wide / 2 * (1 - 0.6*float32(i)/float32(len(line)))
		left = append(left, point{p.u - dv/length*half, p.v + du/length*half})
		right = append(right, point{p.u + dv/length*half, p.v - du/length*half})
	}
	for i := range right {
		left = append(left, right[len(right)-1-i])
	}
	return left
}

// ellipse is the outline of a part of the body, rough with hair.
func (i *insect) ellipse(o oval) []point {
	const steps = 72
	outline := make([]point, steps)
	middle, half := (o.from+o.to)/2, (o.to-o.from)/2
	for n := range outline {
		angle := float64(n) / steps * 2 * math.Pi
		hair := 1 + 0.09*(float32(hash(int32(n), int32(o.from*100), i.seed)>>24)/255-0.5)
		outline[n] = point{middle + half*float32(math.Cos(angle))*hair, o.wide * float32(math.Sin(angle)) * hair}
	}
	return outline
}
