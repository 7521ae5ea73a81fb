package main

import (
	"fmt"
	"strings"
)

// Loads and stores of vector registers. Offsets are in bytes.

// access writes a load or store of one register of 16, 8 or 4 bytes: q, d or s.
func (g *gen) access(store bool, width string, v V, base R, off int) {
	size := map[string]int{"q": 16, "d": 8, "s": 4}[width]
	word := map[string]uint32{"q": 0x3dc00000, "d": 0xfd400000, "s": 0xbd400000}[width]
	name := "ld"
	if store {
		name, word = "st", word&^(1<<22)
		if width == "q" {
			word = 0x3d800000
		}
	}
	switch {
	case off >= 0 && off%size == 0 && off/size < 1<<12:
		name, word = name+"r", word|uint32(off/size)<<10
	case off >= -256 && off < 256:
		name, word = name+"ur", word&^(1<<24)|uint32(off)&0x1ff<<12
	default:
		panic(fmt.Sprintf("%s: no offset %d", name, off))
	}
	g.word(word|uint32(v)|uint32(base)<<5, fmt.Sprintf("%s %s%d, [x%d%s]", name, width, v, base, offset(off)))
}

// offset is the text of an offset.
func offset(off int) string {
	if off == 0 {
		return ""
	}
	return fmt.Sprintf(", #%d", off)
}

// load loads 16 bytes, store stores them; D stands for 8 bytes, S for 4.
func (g *gen) load(v V, base R, off int)   { g.access(false, "q", v, base, off) }
func (g *gen) store(v V, base R, off int)  { g.access(true, "q", v, base, off) }
func (g *gen) loadD(v V, base R, off int)  { g.access(false, "d", v, base, off) }
func (g *gen) storeD(v V, base R, off int) { g.access(true, "d", v, base, off) }
func (g *gen) loadS(v V, base R, off int)  { g.access(false, "s", v, base, off) }
func (g *gen) storeS(v V, base R, off int) { g.access(true, "s", v, base, off) }

// pair writes a load or store of two registers of 16 bytes.
func (g *gen) pair(name string, word uint32, v, w V, base R, off int) {
	if off%16 != 0 || off < -1024 || off > 1008 {
		panic(fmt.Sprintf("%s: no offset %d", name, off))
	}
	g.word(word|uint32(off/16)&0x7f<<15|uint32(v)|uint32(w)<<10|uint32(base)<<5, fmt.Sprintf("%s q%d, q%d, [x%d%s]", name, v, w, base, offset(off)))
}

// loads loads registers from places that follow one another, in pairs.
func (g *gen) loads(v []V, base R, off int) {
	for ; len(v) >= 2; v, off = v[2:], off+32 {
		g.pair("ldp", 0xad400000, v[0], v[1], base, off)
	}
	if len(v) > 0 {
		g.load(v[0], base, off)
	}
}

// stores stores registers to places that follow one another, in pairs.
func (g *gen) stores(v []V, base R, off int) {
	for ; len(v) >= 2; v, off = v[2:], off+32 {
		g.pair("stp", 0xad000000, v[0], v[1], base, off)
	}
	if len(v) > 0 {
		g.store(v[0], base, off)
	}
}

// loadAt loads 16 bytes at base + index.
func (g *gen) loadAt(v V, base, index R) {
	g.word(0x3ce06800|uint32(v)|uint32(base)<<5|uint32(index)<<16, fmt.Sprintf("ldr q%d, [x%d, x%d]", v, base, index))
}

// storeAt stores 16 bytes at base + index.
func (g *gen) storeAt(v V, base, index R) {
	g.word(0x3ca06800|uint32(v)|uint32(base)<<5|uint32(index)<<16, fmt.Sprintf("str q%d, [x%d, x%d]", v, base, index))
}

// loadDAt loads 8 bytes at base + index.
func (g *gen) loadDAt(v V, base, index R) {
	g.word(0xfc606800|uint32(v)|uint32(base)<<5|uint32(index)<<16, fmt.Sprintf("ldr d%d, [x%d, x%d]", v, base, index))
}

// post writes a load or store of one register, q or d, that moves base on by off.
func (g *gen) post(store bool, width string, v V, base R, off int) {
	word := map[string]uint32{"q": 0x3cc00400, "d": 0xfc400400}[width]
	name := "ldr"
	if store {
		name = "str"
		word = map[string]uint32{"q": 0x3c800400, "d": 0xfc000400}[width]
	}
	g.word(word|uint32(off)&0x1ff<<12|uint32(v)|uint32(base)<<5, fmt.Sprintf("%s %s%d, [x%d], #%d", name, width, v, base, off))
}

// every sets all elements of v to that at base, and moves base on to the next one.
func (g *gen) every(shape string, v V, base R) {
	g.word(0x4ddfc000|sizes[shape]<<10|uint32(v)|uint32(base)<<5, fmt.Sprintf("ld1r { v%d.%s }, [x%d], #%d", v, shape, base, 1<<sizes[shape]))
}

// everyAt sets all elements of v to that at base.
func (g *gen) everyAt(shape string, v V, base R) {
	g.word(0x4d40c000|sizes[shape]<<10|uint32(v)|uint32(base)<<5, fmt.Sprintf("ld1r { v%d.%s }, [x%d]", v, shape, base))
}

// storeStep stores count registers from v on, 1 or 2, and moves base on by step.
func (g *gen) storeStep(shape string, v V, count int, base, step R) {
	word, list := uint32(0x4c807000), fmt.Sprintf("{ v%d.%s }", v, shape)
	if count == 2 {
		word, list = 0x4c80a000, fmt.Sprintf("{ v%d.%s, v%d.%[2]s }", v, shape, v+1)
	}
	g.word(word|sizes[shape]<<10|uint32(step)<<16|uint32(v)|uint32(base)<<5, fmt.Sprintf("st1 %s, [x%d], x%d", list, base, step))
}

// loadLaneS loads 4 bytes into lane index of v and leaves the others.
func (g *gen) loadLaneS(v V, index int, base R) {
	g.word(0x0d408000|uint32(index>>1)<<30|uint32(index&1)<<12|uint32(v)|uint32(base)<<5, fmt.Sprintf("ld1 { v%d.s }[%d], [x%d]", v, index, base))
}

// storeLaneS stores lane index of 4 bytes of v.
func (g *gen) storeLaneS(v V, index int, base R) {
	g.word(0x0d008000|uint32(index>>1)<<30|uint32(index&1)<<12|uint32(v)|uint32(base)<<5, fmt.Sprintf("st1 { v%d.s }[%d], [x%d]", v, index, base))
}

// prefetch fetches a line for reading, prefetchWrite for writing.
func (g *gen) prefetch(base R, off int)      { g.prfm("pldl1keep", base, off) }
func (g *gen) prefetchWrite(base R, off int) { g.prfm("pstl1keep", base, off) }

// prfm writes a prefetch.
func (g *gen) prfm(kind string, base R, off int) {
	g.emit(fmt.Sprintf("PRFM %d(R%d), %s", off, base, strings.ToUpper(kind)), fmt.Sprintf("prfm %s, [x%d%s]", kind, base, offset(off)))
}
