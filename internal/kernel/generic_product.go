package kernel

import (
	"math"
	"sync"
)

// The products of plain Go, in tiles whose sums stay in registers: those of generic.go and
// generic32.go, which define them, load two numbers for each multiply-add.

// A tile has 4 rows and 2 columns: with more sums it would not fit the 15 registers that
// Go has on amd64. Its operands are packed as float64, which holds float32 exactly.
type (
	plainTile [8]float64 // element (i, j) at 2*i+j
	plainRows [4]float64 // an element of each row
	plainCols [2]float64 // an element of each column
)

// number is an element type of these products.
type number interface{ float32 | float64 }

// plainProduct multiplies matrices of T.
type plainProduct[T number] struct {
	lanes int                                              // of a sum in dot order
	chain func(c *plainTile, a []plainRows, b []plainCols) // adds a step for each element of b

	// How a product is cut: rows and columns that are packed at a time, and steps of a
	// chain between a load and a store of the result.
	rows, cols, steps int

	// Products with fewer rows than these are done where the operands lie.
	fewMulT, fewMulAdd int
	straightMulT       func(dst []T, ldd int, a []T, lda, m int, b []T, ldb, n, k int)
	straightMulAdd     func(dst []T, ldd, m, n, k int, a []T, ai, ap int, b []T, ldb int)
}

var (
	plain64 = plainProduct[float64]{
		lanes: 8, chain: chainTile, rows: 256, cols: 32, steps: 256,
		fewMulT: few(4), straightMulT: mulTPlain, fewMulAdd: few(64), straightMulAdd: mulAddByFour,
	}
	plain32 = plainProduct[float32]{
		lanes: 16, chain: chainTile32, rows: 256, cols: 32, steps: 256,
		fewMulT: 2, straightMulT: mulT32Generic, fewMulAdd: 1, straightMulAdd: mulAdd32Generic,
	}
)

// few is the fewest rows of float64 that are packed, given those where sums can stay in
// registers. Where they cannot (see fma_tested.go), nothing is packed: the compiler stores
// every sum of a tile at each step, before a call that it may have to make.
func few(rows int) int {
	if inlineFMA {
		return rows
	}
	return math.MaxInt
}

// plainScratch is the working memory of one product.
type plainScratch struct {
	a    []plainRows
	b    []plainCols
	sums [16]plainTile // of each lane
}

// plainPool keeps working memory that is not in use.
var plainPool sync.Pool

// getPlain returns working memory for a elements of each of 4 rows, and for b of each of
// 2 columns.
func getPlain(a, b int) *plainScratch {
	s, _ := plainPool.Get().(*plainScratch)
	if s == nil {
		s = new(plainScratch)
	}
	if len(s.a) < a {
		s.a = make([]plainRows, a)
	}
	if len(s.b) < b {
		s.b = make([]plainCols, b)
	}
	return s
}

// chainTile adds steps to the chains of a tile.
func chainTile(c *plainTile, a []plainRows, b []plainCols) {
	a = a[:len(b)]
	c0, c1, c2, c3, c4, c5, c6, c7 := c[0], c[1], c[2], c[3], c[4], c[5], c[6], c[7]
	for p := range b {
		x, y := &a[p], &b[p]
		y0, y1 := y[0], y[1]
		c0 = fma(x[0], y0, c0)
		c1 = fma(x[0], y1, c1)
		c2 = fma(x[1], y0, c2)
		c3 = fma(x[1], y1, c3)
		c4 = fma(x[2], y0, c4)
		c5 = fma(x[2], y1, c5)
		c6 = fma(x[3], y0, c6)
		c7 = fma(x[3], y1, c7)
	}
	c[0], c[1], c[2], c[3], c[4], c[5], c[6], c[7] = c0, c1, c2, c3, c4, c5, c6, c7
}

// chainTile32 is chainTile for numbers that are float32: each sum is rounded to float32.
func chainTile32(c *plainTile, a []plainRows, b []plainCols) {
	for p := 0; p < len(b); p++ {
		steps, sums := sureSteps(c, a[p:], b[p:])
		if p += steps; p < len(b) {
			for e := sums; e < len(c); e++ {
				c[e] = float64(fma32(float32(a[p][e/2]), float32(b[p][e%2]), float32(c[e])))
			}
		}
	}
}

// sureSteps is chainTile32 up to the first sum that is doubtful. It returns how many steps
// it did, and how many sums of the next one. It calls nothing: a call would make the
// compiler store every sum at each step.
func sureSteps(c *plainTile, a []plainRows, b []plainCols) (steps, sums int) {
	a = a[:len(b)]
	c0, c1, c2, c3, c4, c5, c6, c7 := c[0], c[1], c[2], c[3], c[4], c[5], c[6], c[7]
	for ; steps < len(b); steps++ {
		x, y := &a[steps], &b[steps]
		s := x[0]*y[0] + c0
		if sums = 0; doubtful(s) {
			break
		}
		c0 = float64(float32(s))
		s = x[0]*y[1] + c1
		if sums = 1; doubtful(s) {
			break
		}
		c1 = float64(float32(s))
		s = x[1]*y[0] + c2
		if sums = 2; doubtful(s) {
			break
		}
		c2 = float64(float32(s))
		s = x[1]*y[1] + c3
		if sums = 3; doubtful(s) {
			break
		}
		c3 = float64(float32(s))
		s = x[2]*y[0] + c4
		if sums = 4; doubtful(s) {
			break
		}
		c4 = float64(float32(s))
		s = x[2]*y[1] + c5
		if sums = 5; doubtful(s) {
			break
		}
		c5 = float64(float32(s))
		s = x[3]*y[0] + c6
		if sums = 6; doubtful(s) {
			break
		}
		c6 = float64(float32(s))
		s = x[3]*y[1] + c7
		if sums = 7; doubtful(s) {
			break
		}
		c7 = float64(float32(s))
	}
	c[0], c[1], c[2], c[3], c[4], c[5], c[6], c[7] = c0, c1, c2, c3, c4, c5, c6, c7
	return steps, sums
}

// doubtful reports whether s, the sum of a product of float32, which is exact in float64,
// and of a float32, may not round to the float32 next to the exact sum: it lies in the
// middle between two float32 (its last 29 bits are a one and zeros), or below the smallest
// normal float32, where float32 lie further apart.
func doubtful(s float64) bool {
	const smallest = 0x381 << 52 // the bits of 0x1p-126
	b := math.Float64bits(s)
	return b<<35 == 1<<63 || b<<1-1 < smallest<<1-1 // 0 is not doubtful
}

// mulT is MulT: the lanes of a tile's dot products are summed one after the other.
func (t *plainProduct[T]) mulT(dst []T, ldd int, a []T, lda, m int, b []T, ldb, n, k int) {
	if m < t.fewMulT {
		t.straightMulT(dst, ldd, a, lda, m, b, ldb, n, k)
		return
	}
	steps := (k + t.lanes - 1) / t.lanes // of a lane
	length := steps * t.lanes
	mb, nb := min(t.rows, m), min(t.cols, n)
	s := getPlain((mb+3)/4*length, (nb+1)/2*length)
	defer plainPool.Put(s)
	for i0 := 0; i0 < m; i0 += mb {
		rows := min(mb, m-i0)
		for i := 0; i < rows; i += 4 {
			packLanes(s.a[i/4*length:][:length], t.lanes, a[(i0+i)*lda:], lda, min(4, rows-i), k)
		}
		for j0 := 0; j0 < n; j0 += nb {
			cols := min(nb, n-j0)
			for j := 0; j < cols; j += 2 {
				packLanes(s.b[j/2*length:][:length], t.lanes, b[(j0+j)*ldb:], ldb, min(2, cols-j), k)
			}
			for i := 0; i < rows; i += 4 {
				for j := 0; j < cols; j += 2 {
					x, y := s.a[i/4*length:][:length], s.b[j/2*length:][:length]
					for l := range t.lanes {
						s.sums[l] = plainTile{}
						t.chain(&s.sums[l], x[l*steps:], y[l*steps:][:steps])
					}
					addTiles[T](s.sums[:t.lanes])
					storeTile(dst[(i0+i)*ldd+j0+j:], ldd, &s.sums[0], min(4, rows-i), min(2, cols-j))
				}
			}
		}
	}
}

// addTiles adds the lanes of a tile, by halves, to the first.
func addTiles[T number](lanes []plainTile) {
	for half := len(lanes) / 2; half > 0; half /= 2 {
		for l := range half {
			to, from := &lanes[l], &lanes[l+half]
			for e := range to {
				to[e] = float64(T(to[e] + from[e]))
			}
		}
	}
}

// mulAdd is MulAdd.
func (t *plainProduct[T]) mulAdd(dst []T, ldd, m, n, k int, a []T, ai, ap int, b []T, ldb int) {
	if m < t.fewMulAdd {
		t.straightMulAdd(dst, ldd, m, n, k, a, ai, ap, b, ldb)
		return
	}
	mb, nb, kb := min(t.rows, m), min(t.cols, n), min(t.steps, k)
	s := getPlain((mb+3)/4*kb, (nb+1)/2*kb)
	defer plainPool.Put(s)
	for i0 := 0; i0 < m; i0 += mb {
		rows := min(mb, m-i0)
		for p0 := 0; p0 < k; p0 += kb {
			steps := min(kb, k-p0)
			for i := 0; i < rows; i += 4 {
				packRows(s.a[i/4*kb:][:steps], a[(i0+i)*ai+p0*ap:], ai, ap, min(4, rows-i))
			}
			for j0 := 0; j0 < n; j0 += nb {
				cols := min(nb, n-j0)
				for j := 0; j < cols; j += 2 {
					packRows(s.b[j/2*kb:][:steps], b[p0*ldb+j0+j:], 1, ldb, min(2, cols-j))
				}
				for i := 0; i < rows; i += 4 {
					for j := 0; j < cols; j += 2 {
						to, c := dst[(i0+i)*ldd+j0+j:], &s.sums[0]
						loadTile(c, to, ldd, min(4, rows-i), min(2, cols-j))
						t.chain(c, s.a[i/4*kb:], s.b[j/2*kb:][:steps])
						storeTile(to, ldd, c, min(4, rows-i), min(2, cols-j))
					}
				}
			}
		}
	}
}

// packLanes packs rows of src by lane: element p of row i goes to place p/lanes of lane
// p%lanes. Zeros stand for missing elements and missing rows.
func packLanes[P plainRows | plainCols, T number](dst []P, lanes int, src []T, ld, rows, k int) {
	steps := len(dst) / lanes
	clear(dst)
	for i := range rows {
		row := src[i*ld:][:k]
		for l := range min(lanes, k) {
			to := dst[l*steps:]
			for p, q := l, 0; p < k; p, q = p+lanes, q+1 {
				to[q][i] = float64(row[p])
			}
		}
	}
}

// packRows packs rows of src, whose element (i, p) is src[i*si+p*sp]. Zeros stand for
// missing rows.
func packRows[P plainRows | plainCols, T number](dst []P, src []T, si, sp, rows int) {
	var all P
	if rows < len(all) {
		clear(dst)
	}
	for i := range rows {
		at := i * si
		for p := range dst {
			dst[p][i] = float64(src[at])
			at += sp
		}
	}
}

// loadTile loads the part of a tile that lies in C.
func loadTile[T number](t *plainTile, c []T, ldc, rows, cols int) {
	*t = plainTile{}
	for i := range rows {
		for j, v := range c[i*ldc:][:cols] {
			t[2*i+j] = float64(v)
		}
	}
}

// storeTile stores that part.
func storeTile[T number](c []T, ldc int, t *plainTile, rows, cols int) {
	for i := range rows {
		row := c[i*ldc:][:cols]
		for j := range row {
			row[j] = T(t[2*i+j])
		}
	}
}
