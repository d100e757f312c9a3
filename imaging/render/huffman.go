package render

import "encoding/binary"

// codes are the codes of one Huffman table of a JPEG.
type codes struct {
	symbols []byte
	// short has, for whatever the next shortBits bits are, the symbol whose code they
	// begin with, and above it the length of the code; 0: it is longer, or none.
	short [1 << shortBits]uint16
	// Of each length, the first 16 bits above its codes, and what makes a code the
	// index of its symbol.
	above  [17]uint32
	offset [17]int
}

const shortBits = 9

// newCodes reads a table, sixteen counts by length and then the symbols, and
// returns how many bytes that is; nil where those are no codes.
func newCodes(table []byte) (c *codes, n int) {
	if len(table) < 16 {
		return nil, 0
	}
	n = 16
	for _, count := range table[:16] {
		n += int(count)
	}
	if n > 16+256 || len(table) < n {
		return nil, 0
	}
	c = &codes{symbols: table[16:n]}
	code, index := 0, 0
	for length := 1; length <= 16; length++ {
		c.offset[length] = index - code
		if code+int(table[length-1]) >= 1<<length { // no code is all ones
			return nil, 0
		}
		for range table[length-1] {
			for i := range 1 << shortBits >> length { // none where the code is longer
				c.short[code<<(shortBits-length)+i] = uint16(length)<<8 | uint16(c.symbols[index])
			}
			code, index = code+1, index+1
		}
		c.above[length] = uint32(code) << (16 - length)
		code <<= 1
	}
	return c, n
}

// next returns the symbol whose code 16 bits begin with, and the length of the
// code; 0: none.
func (c *codes) next(bits uint32) (symbol byte, length uint) {
	if s := c.short[bits>>(16-shortBits)]; s != 0 {
		return byte(s), uint(s >> 8)
	}
	for length := uint(shortBits + 1); length <= 16; length++ {
		if bits < c.above[length] {
			return c.symbols[int(bits>>(16-length))+c.offset[length]], length
		}
	}
	return 0, 0
}

// skips are codes of coefficients, and a table that says how far the symbols lead
// that end within the next skipBits bits.
type skips struct {
	*codes
	// An entry has the bits that they take, their values' included; times stepUnit,
	// the coefficients that they step over; and endsHere where the last ends the block.
	table [1 << skipBits]uint16
}

const (
	skipBits  = 13
	stepUnit  = 1 << 5
	stepMask  = 1<<7 - 1
	endsHere  = 1 << 12
	tooFar    = stepMask * stepUnit // no block has so many: one symbol at a time
	blockSize = 64
)

// newSkips makes the table; nil where there are no codes, or a symbol is none of a
// baseline block's.
func newSkips(c *codes) *skips {
	if c == nil {
		return nil
	}
	for _, s := range c.symbols {
		if s&15 == 0 && s != 0 && s != 0xf0 || s&15 > 10 {
			return nil
		}
	}
	t := &skips{codes: c}
	for i := range t.table {
		t.table[i] = c.lead(uint32(i))
	}
	return t
}

// lead makes the entry for these bits.
func (c *codes) lead(bits uint32) uint16 {
	var used, steps uint
	for used < skipBits && steps < blockSize {
		symbol, length := c.next(bits << (16 - skipBits + used) & 0xffff)
		size := length + uint(symbol&15)
		// The value of the first may go on beyond the bits: it is of no interest.
		if length == 0 || used+length > skipBits || used > 0 && used+size > skipBits {
			break
		}
		used += size
		if symbol == 0 {
			return uint16(used + steps*stepUnit + endsHere)
		}
		steps += uint(symbol>>4) + 1
	}
	if used == 0 || steps >= blockSize {
		return tooFar
	}
	return uint16(used + steps*stepUnit)
}

// bitReader reads coded samples, whose stuffed bytes it leaves out.
type bitReader struct {
	data []byte
	at   int
	acc  uint64 // the next bits, from the top; there may be right ones below n
	n    uint   // how many
	none uint   // of them are zeros after the end
}

// fill makes 32 bits or more ready.
func (b *bitReader) fill() {
	if b.at+8 <= len(b.data) {
		const low, high = 0x0101010101010101, 0x8080808080808080
		if v := binary.BigEndian.Uint64(b.data[b.at:]); (^v-low)&v&high == 0 { // no byte is 0xff
			b.acc |= v >> (b.n & 63)
			b.at += int(63-b.n) >> 3
			b.n |= 56
			return
		}
	}
	for b.n <= 56 {
		next := byte(0)
		if b.at < len(b.data) {
			next = b.data[b.at]
			b.at++
			if next == 0xff {
				b.at++ // plainLength has seen that a zero follows
			}
		} else {
			b.none += 8
		}
		b.acc |= uint64(next) << (56 - b.n)
		b.n += 8
	}
}

// atEnd says whether all was read but the padding of the last byte, and no more.
func (b *bitReader) atEnd() bool {
	return b.at >= len(b.data) && b.n >= b.none && b.n-b.none < 8
}

// difference reads the first coefficient of a block, less that of the block before.
func (b *bitReader) difference(c *codes) (difference int32, ok bool) {
	if b.n < 32 {
		b.fill()
	}
	size, length := c.next(uint32(b.acc >> 48))
	if length == 0 || size > 11 {
		return 0, false
	}
	value := int32(b.acc << length >> 32 >> (32 - size))
	b.acc <<= length + uint(size)
	b.n -= length + uint(size)
	if value < 1<<size>>1 {
		value -= 1<<size - 1
	}
	return value, true
}

// skipBlock skips the other coefficients of a block.
func (b *bitReader) skipBlock(t *skips) (ok bool) {
	acc, n := b.acc, b.n
	for steps := uint(1); steps < blockSize; {
		if n < 32 {
			b.acc, b.n = acc, n
			b.fill()
			acc, n = b.acc, b.n
		}
		entry := uint(t.table[acc>>(64-skipBits)])
		if far := steps + entry/stepUnit&stepMask; far < blockSize {
			size := entry % stepUnit
			acc <<= size
			n -= size
			if entry&endsHere != 0 {
				break
			}
			steps = far
			continue
		}
		// A long code, or the end of the block may be nearer: one symbol.
		symbol, length := t.next(uint32(acc >> 48))
		if length == 0 {
			return false
		}
		size := length + uint(symbol&15)
		acc <<= size
		n -= size
		if symbol == 0 {
			break
		}
		if steps += uint(symbol>>4) + 1; steps > blockSize {
			return false
		}
	}
	b.acc, b.n = acc, n
	return true
}
