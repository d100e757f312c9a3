package render

import "encoding/binary"

// The scaler works on four samples at once: they lie in the 16-bit lanes of a
// uint64, and one multiplication weighs them all. A lane's sum may go below zero
// on the way, and borrow from its neighbour; as all is modulo 2^64, the borrow is
// paid back by the time the sum is complete, provided each lane then is within 16
// bits. The bias sees to that: weights have seven bits, and the negative ones of a
// sample add up to less than a third, so that a sum lies between -0.3 and 1.3
// times 128×255.
const (
	lanes    = 0x0001_0001_0001_0001
	laneByte = 0x00ff * lanes
	lift     = 96                                             // added to every sample while it may be negative
	bias     = (lift*weightOne + weightOne/2) * uint64(lanes) // lifts, and rounds
)

// settle turns four weighted sums into samples, each clamped to a byte.
func settle(sum uint64) uint64 {
	const top = 0x8000 * lanes
	v := sum >> weightBits & (0x01ff * lanes)
	v = v | top - lift*lanes                  // top bit stays: not negative
	v &= (v >> 15 & lanes) * 0x7fff           // negative: 0
	return (v | (v>>8&lanes)*0xff) & laneByte // over 255: 255
}

// scalePlane fills dst, of which extentX by extentY samples are picture, with src
// scaled down, scaleX by scaleY samples to one. It averages whole samples first
// where that leaves at least two to one for the kernel, as Pillow does
// (reducing_gap=2): it costs far less and shows nowhere.
func scalePlane(dst, src *plane, extentX, extentY, scaleX, scaleY float64, k kernel) {
	if fx, fy := max(1, int(scaleX*min(1, extentX)/2)), max(1, int(scaleY*min(1, extentY)/2)); fx > 1 || fy > 1 {
		reduced := reduce(src, fx, fy)
		src, scaleX, scaleY = &reduced, scaleX/float64(fx), scaleY/float64(fy)
	}
	across := newWeights(dst.w, src.w, extentX, src.coverX, scaleX, k)
	down := newWeights(dst.h, src.h, extentY, src.coverY, scaleY, k)
	var rows [4][]byte
	line := make([]byte, 4*src.w)
	for r := range rows {
		rows[r] = line[r*src.w:][:src.w]
	}
	packed := make([]uint64, src.w)
	for y := 0; y < dst.h; y += 4 {
		n := min(4, dst.h-y)
		for r := range n {
			from := src.pix[down.start[y+r]*src.stride:]
			blend(rows[r], from, src.stride, down.coef[(y+r)*down.taps:][:down.taps])
		}
		pack(packed, rows[0], rows[1], rows[2], rows[3])
		spread(dst, y, n, packed, &across)
	}
}

// blend makes a row out of the rows from src on, stride apart, one a weight.
func blend(row, src []byte, stride int, coef []uint64) {
	if len(row) < 8 {
		blendNarrow(row, src, stride, coef)
		return
	}
	for x := 0; x < len(row); x += 8 {
		x = min(x, len(row)-8) // the last eight may overlap those before
		evenLanes, oddLanes := bias, bias
		at := x
		for _, c := range coef {
			v := binary.LittleEndian.Uint64(src[at:])
			evenLanes += v & laneByte * c
			oddLanes += v >> 8 & laneByte * c
			at += stride
		}
		binary.LittleEndian.PutUint64(row[x:], settle(evenLanes)|settle(oddLanes)<<8)
	}
}

func blendNarrow(row, src []byte, stride int, coef []uint64) {
	for x := range row {
		sum := bias
		for k, c := range coef {
			sum += uint64(src[k*stride+x]) * c
		}
		row[x] = byte(settle(sum))
	}
}

// pack puts four rows side by side into the lanes of one.
func pack(packed []uint64, a, b, c, d []byte) {
	a, b, c, d = a[:len(packed)], b[:len(packed)], c[:len(packed)], d[:len(packed)]
	for x := range packed {
		packed[x] = uint64(a[x]) | uint64(b[x])<<16 | uint64(c[x])<<32 | uint64(d[x])<<48
	}
}

// spread scales four packed rows across and writes n of them to dst from y on.
func spread(dst *plane, y, n int, packed []uint64, across *weights) {
	taps := across.taps
	coef := across.coef
	for x, start := range across.start {
		sum := bias
		c := coef[x*taps:][:taps]
		for k, v := range packed[start:][:taps] {
			sum += v * c[k]
		}
		v := settle(sum)
		at := y*dst.stride + x
		for range n {
			dst.pix[at] = byte(v)
			v >>= 16
			at += dst.stride
		}
	}
}

// whole is the weight of a sample all of which is picture, when averages are made.
const whole = 64

// reduce averages fx by fy samples into one. A sample that is only partly picture
// weighs as much as it is. What is left over at the right and at the bottom makes
// samples of fewer.
func reduce(src *plane, fx, fy int) plane {
	dst := newPlane((src.w+fx-1)/fx, (src.h+fy-1)/fy)
	dst.coverX, dst.coverY = src.coverX/float64(fx), src.coverY/float64(fy)
	sums := make([]uint32, src.w)
	last := weigh(src.w-1, src.coverX)
	for y := range dst.h {
		clear(sums)
		rows := uint32(0) // their weight: one each, until a row comes that weighs less
		for r := range min(fy, src.h-y*fy) {
			row := src.pix[(y*fy+r)*src.stride:][:len(sums)]
			if weight := weigh(y*fy+r, src.coverY); weight < whole {
				for x, v := range row {
					sums[x] = sums[x]*whole + uint32(v)*weight
				}
				rows = rows*whole + weight
				break // it is the last one
			}
			for x, v := range row {
				sums[x] += uint32(v)
			}
			rows++
		}
		average(dst.pix[y*dst.stride:][:dst.w], sums, fx, rows, last)
	}
	return dst
}

// weigh is the weight of sample i of a line of which cover are picture. None weighs
// nothing: it may be all that its average is made of.
func weigh(i int, cover float64) uint32 {
	return max(1, uint32(covers(i, cover)*whole+0.5))
}

// average makes a row of the column sums of rows that weigh so much, fx columns to a
// sample. The last column weighs last, the others one whole each.
func average(row []byte, sums []uint32, fx int, rows, last uint32) {
	n := uint64(fx) * uint64(rows)
	inverse := (1<<48 + n - 1) / n // to multiply with: exact, and faster than to divide
	full := (len(sums) - 1) / fx   // those without the last column
	for x := range row[:full] {
		sum := n / 2
		for _, s := range sums[:fx] {
			sum += uint64(s)
		}
		row[x] = byte(sum * inverse >> 48)
		sums = sums[fx:]
	}
	end := len(sums) - 1
	sum, n := uint64(sums[end])*uint64(last), (uint64(end)*whole+uint64(last))*uint64(rows)
	for _, s := range sums[:end] {
		sum += uint64(s) * whole
	}
	row[full] = byte((sum + n/2) / n)
}
