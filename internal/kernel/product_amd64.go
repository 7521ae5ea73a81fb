//go:build amd64 && !purego

package kernel

import "math/bits"

// What was tried, on one core of a Zen 5 (EPYC, AVX-512 at full width, register
// peak 140 GFLOPS in float64, 280 in float32), machine shared, best of 60, share
// of the peak of the same run. mulT of 256x768x768 unless said otherwise:
//
//	                                                    float64   float32
//	packed by lane, as it is                              92 %      91 %
//	the lane tile alone, operands in cache                99 %      98 %
//	dot products of rows where they lie, tile of 3x8      71 %      94 %
//	  the same, 256x2048x384                              53 %      60 %
//	packed, without prefetch of the result                87 %      87 %
//	packed, no bytes between lanes, 1024 inputs           87 %      80 %
//	tile loop unrolled by 4; by 2; not at all             92 %      91 %
//
// Rows where they lie cost nothing to pack and win as long as eight rows of B fit
// into the first-level cache (hence near); beyond that each tile reads 11 rows
// from the second level and waits for them. Splitting the sum there would mean to
// store and reload eight lanes for each element of the result. Other shapes of
// that tile (5x5, 4x6) read a tenth less per multiply-add, too little to change
// this, and were not built. With more rows of A than the second level holds, B
// comes from memory several times, which costs most with two cores at once:
// 1024x768x8192 in float32 225 GFLOPS, 239 packed.
//
// mulAdd of the same size: 85 % with 384 steps, panels of B copied by Go and A
// outermost; 94 % with 768 steps, copies in assembly, eight tiles of A below each
// panel of B, and the next tile of the result prefetched.
//
// Reading gathered rows from memory (16384 x 768, 100 MB): 42-44 GB/s; 45-47 with
// the first four lines of the next eight rows prefetched, 38-40 with whole rows.

// How a product is cut. Packed rows of A are multiplied with one packed panel of B, tile
// by tile; both together fit into the second-level cache.
const (
	packedRows = 1024 // rows of A packed at a time
	maxPanels  = 8    // wide panels of B packed at a time
	tileRows   = 8    // tiles of A multiplied with one panel of B before the next panel
	chainSteps = 768  // steps of a chain between a load and a store of the result
)

// cut divides cols columns into panels of which one column takes length packed
// elements and a whole one pad more.
func (t *tileSet[T]) cut(s *scratch[T], cols, length, pad int) []packedPanel[T] {
	list, at := s.panels[:0], 0
	for j := 0; j < cols; {
		p := packedPanel[T]{productTile: t.tileFor(cols - j), first: j, at: at}
		p.cols = min(p.nr, cols-j)
		at += p.nr*length + pad
		j += p.cols
		list = append(list, p)
	}
	s.panels = list
	return list
}

// mulT sets dst = A Bᵀ in dot order. A tile holds one lane of its sums at a
// time: with both sides packed by lane, a dot product becomes an outer product,
// which loads 11 vectors for 24 multiply-adds and adds no lanes across a vector.
func (t *tileSet[T]) mulT(dst []T, ldd int, a []T, lda, m int, b []T, ldb, n, k int) {
	if m == 0 || n == 0 {
		return
	}
	within(dst, m, ldd, n)
	within(a, m, lda, k)
	within(b, n, ldb, k)
	s := getScratch[T]()
	defer s.free()
	near := (len(t.dots)+t.dotCols)*k*sizeOf[T]() <= t.near && m*k*sizeOf[T]() <= t.cache/2
	if m < t.few || n < t.few || near {
		t.mulStraight(s, dst, ldd, a, lda, m, b, ldb, n, k)
		return
	}
	mb, nb := min(packedRows, roundUp(m, t.mr)), min(maxPanels*t.wide.nr, n)
	p := newLaneProduct(t, s, mb, nb, k)
	for i0 := 0; i0 < m; i0 += mb {
		rows := min(mb, m-i0)
		for i := 0; i < rows; i += t.mr {
			t.packLanes(s, p.a[i/t.mr*t.lanes*p.aLane:], t.mr, a[(i0+i)*lda:], lda, min(t.mr, rows-i), k)
		}
		for j0 := 0; j0 < n; j0 += nb {
			panels := t.cut(s, min(nb, n-j0), p.steps*t.lanes, p.pad*t.lanes)
			for _, panel := range panels {
				t.packLanes(s, p.b[panel.at:], panel.nr, b[(j0+panel.first)*ldb:], ldb, panel.cols, k)
			}
			for i := 0; i < rows; i += tileRows * t.mr {
				p.mulTiles(s, dst[i0*ldd+j0:], ldd, i, min(rows, i+tileRows*t.mr), panels)
			}
		}
	}
}

// laneProduct is a product in dot order of packed rows of A and of B.
type laneProduct[T number] struct {
	*tileSet[T]
	steps int // of a lane
	pad   int // elements after each lane of a packed panel
	aLane int // elements of a lane of mr rows of A, with its pad
	pass  int // lanes of each tile that are summed before the next tile

	a, b, stacks []T // packed rows, and the finished lanes of each tile
	stack        int // elements of the finished lanes of one tile
}

// newLaneProduct returns a product of at most mb rows of A and nb rows of B, with k
// elements each, in the memory of s.
func newLaneProduct[T number](t *tileSet[T], s *scratch[T], mb, nb, k int) laneProduct[T] {
	nr := t.wide.nr
	p := laneProduct[T]{
		tileSet: t,
		steps:   (k + t.lanes - 1) / t.lanes,
		pad:     lanePad / sizeOf[T](),
		pass:    t.lanes,
		stack:   t.mr * nr * bits.Len(uint(t.lanes-1)),
	}
	p.aLane = p.steps*t.mr + p.pad
	for p.pass > 1 && p.pass*(tileRows*p.aLane+p.steps*nr+p.pad)*sizeOf[T]() > t.cache {
		p.pass /= 2
	}
	p.a, p.b, p.stacks = s.take(mb/t.mr*t.lanes*p.aLane, t.lanes*(p.steps*roundUp(nb, nr)+p.pad*(maxPanels+1)), tileRows*(maxPanels+1)*p.stack)
	return p
}

// mulTiles sets the tiles of dst that the packed rows i1 to i2-1 of A and the panels of B
// give. dst starts at row 0 of the packed rows and at the first column of the panels.
func (p *laneProduct[T]) mulTiles(s *scratch[T], dst []T, ldd, i1, i2 int, panels []packedPanel[T]) {
	for lane := 0; lane < p.lanes; lane += p.pass {
		own := 0 // where this tile's stack starts
		for _, panel := range panels {
			y := addr(p.b, panel.at+lane*(p.steps*panel.nr+p.pad))
			for i := i1; i < i2; i += p.mr {
				x := addr(p.a, (i/p.mr*p.lanes+lane)*p.aLane)
				sums := addr(p.stacks, own+bits.OnesCount(uint(lane))*p.mr*panel.nr)
				c, h := i*ldd+panel.first, min(p.mr, i2-i)
				if h == p.mr && panel.cols == panel.nr {
					panel.lane(&dst[c], ldd*sizeOf[T](), x, y, p.steps, sums, lane, lane+p.pass)
				} else {
					panel.lane(&s.edge[0], panel.nr*sizeOf[T](), x, y, p.steps, sums, lane, lane+p.pass)
					if lane+p.pass == p.lanes {
						copyTile(dst[c:], ldd, s.edge[:], panel.nr, h, panel.cols)
					}
				}
				if p.pass < p.lanes {
					own += p.stack
				}
			}
		}
	}
}

// mulStraight is mulT without packing: dot products of rows where they lie. That is
// fastest where a tile's rows fit into the first-level cache.
func (t *tileSet[T]) mulStraight(s *scratch[T], dst []T, ldd int, a []T, lda, m int, b []T, ldb, n, k int) {
	groups, rest := k/t.lanes, maskOf[T](k%t.lanes)
	step := len(t.dots)
	block := max(1, t.cache/2/(k*sizeOf[T]()+1)/step) * step // rows of A that stay in the second-level cache
	for i0 := 0; i0 < m; i0 += block {
		i1 := min(m, i0+block)
		for j := 0; j < n; j += t.dotCols {
			cols := min(t.dotCols, n-j)
			for q := range 2 * t.dotCols { // these rows and the next
				s.rows[q] = addr(b, min(j+q, n-1)*ldb)
			}
			for i := i0; i < i1; i += step {
				rows := min(step, i1-i)
				c, ldc := addr(dst, i*ldd+j), ldd
				if cols < t.dotCols {
					c, ldc = &s.edge[0], t.dotCols
				}
				t.dots[rows-1](c, ldc*sizeOf[T](), addr(a, i*lda), lda*sizeOf[T](), &s.rows[0], groups, rest)
				if cols < t.dotCols {
					copyTile(dst[i*ldd+j:], ldd, s.edge[:], t.dotCols, rows, cols)
				}
			}
		}
	}
}

// mulAdd adds the product of A and B to dst in chain order.
func (t *tileSet[T]) mulAdd(dst []T, ldd, m, n, k int, a []T, ai, ap int, b []T, ldb int) {
	if m == 0 || n == 0 || k == 0 {
		return
	}
	within(dst, m, ldd, n)
	within(a, 1, 0, (m-1)*ai+(k-1)*ap+1)
	within(b, k, ldb, n)
	s := getScratch[T]()
	defer s.free()
	var (
		mb    = min(packedRows, roundUp(m, t.mr))
		nb    = min(maxPanels*t.wide.nr, n)
		turns = (k + chainSteps - 1) / chainSteps
		kb    = (k + turns - 1) / turns
	)
	pa, pb, _ := s.take(mb*kb, roundUp(nb, t.wide.nr)*kb, 0)
	for i0 := 0; i0 < m; i0 += mb {
		rows := min(mb, m-i0)
		for p0 := 0; p0 < k; p0 += kb {
			steps := min(kb, k-p0)
			for i := 0; i < rows; i += t.mr {
				t.packColumns(s, pa[i*kb:], a[(i0+i)*ai+p0*ap:], ai, ap, min(t.mr, rows-i), steps)
			}
			for j0 := 0; j0 < n; j0 += nb {
				panels := t.cut(s, min(nb, n-j0), steps, 0)
				for _, panel := range panels {
					t.packRows(pb[panel.at:], panel.nr, b[p0*ldb+j0+panel.first:], ldb, panel.cols, steps)
				}
				for i := 0; i < rows; i += tileRows * t.mr {
					h := min(tileRows*t.mr, rows-i)
					t.addTiles(s, dst[(i0+i)*ldd+j0:], ldd, h, pa[i*kb:], kb, steps, pb, panels)
				}
			}
		}
	}
}

// addTiles adds steps of the chains to the tiles of dst that rows packed rows of A and
// the panels of B give. A packed row of A takes kb elements, of which steps are in use.
func (t *tileSet[T]) addTiles(s *scratch[T], dst []T, ldd, rows int, pa []T, kb, steps int, pb []T, panels []packedPanel[T]) {
	for _, panel := range panels {
		y := addr(pb, panel.at)
		for i := 0; i < rows; i += t.mr {
			c, h := i*ldd+panel.first, min(t.mr, rows-i)
			if h == t.mr && panel.cols == panel.nr {
				panel.chain(&dst[c], ldd*sizeOf[T](), addr(pa, i*kb), y, steps)
				continue
			}
			copyTile(s.edge[:], panel.nr, dst[c:], ldd, h, panel.cols)
			panel.chain(&s.edge[0], panel.nr*sizeOf[T](), addr(pa, i*kb), y, steps)
			copyTile(dst[c:], ldd, s.edge[:], panel.nr, h, panel.cols)
		}
	}
}

// copyTile copies a matrix of rows x cols.
func copyTile[T number](dst []T, ldd int, src []T, lds, rows, cols int) {
	for i := range rows {
		copy(dst[i*ldd:i*ldd+cols], src[i*lds:i*lds+cols])
	}
}
