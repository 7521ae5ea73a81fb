//go:build arm64 && !purego

package kernel

import "math/bits"

// How a product is cut. Packed rows of A are multiplied with one packed panel of B, tile
// by tile; both together fit into the second-level cache.
const (
	packedRows = 1024 // rows of A packed at a time
	maxPanels  = 8    // wide panels of B packed at a time
	tilesDown  = 8    // tiles of A multiplied with one panel of B before the next panel
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
// which loads 8 registers for 24 multiply-adds and adds no lanes across a register.
func (t *tileSet[T]) mulT(dst []T, ldd int, a []T, lda, m int, b []T, ldb, n, k int) {
	if m == 0 || n == 0 {
		return
	}
	within(dst, m, ldd, n)
	within(a, m, lda, k)
	within(b, n, ldb, k)
	s := getScratch[T]()
	defer s.free()
	if m < t.few || n < t.few {
		t.mulStraight(s, dst, ldd, a, lda, m, b, ldb, n, k)
		return
	}
	mb, nb := min(packedRows, roundUp(m, tileRows)), min(maxPanels*t.wide.nr, n)
	p := newLaneProduct(t, s, mb, nb, k)
	for i0 := 0; i0 < m; i0 += mb {
		rows := min(mb, m-i0)
		for i := 0; i < rows; i += tileRows {
			t.packLanes(s, p.a[i/tileRows*t.lanes*p.aLane:], tileRows, a[(i0+i)*lda:], lda, min(tileRows, rows-i), k)
		}
		for j0 := 0; j0 < n; j0 += nb {
			panels := t.cut(s, min(nb, n-j0), p.steps*t.lanes, p.pad*t.lanes)
			for _, panel := range panels {
				t.packLanes(s, p.b[panel.at:], panel.nr, b[(j0+panel.first)*ldb:], ldb, panel.cols, k)
			}
			for i := 0; i < rows; i += tilesDown * tileRows {
				p.mulTiles(s, dst[i0*ldd+j0:], ldd, i, min(rows, i+tilesDown*tileRows), panels)
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
		stack:   tileRows * nr * bits.Len(uint(t.lanes-1)),
	}
	p.aLane = p.steps*tileRows + p.pad
	for p.pass > 1 && p.pass*(tilesDown*p.aLane+p.steps*nr+p.pad)*sizeOf[T]() > t.cache {
		p.pass /= 2
	}
	p.a, p.b, p.stacks = s.take(mb/tileRows*t.lanes*p.aLane, t.lanes*(p.steps*roundUp(nb, nr)+p.pad*(maxPanels+1)), tilesDown*(maxPanels+1)*p.stack)
	return p
}

// mulTiles sets the tiles of dst that the packed rows i1 to i2-1 of A and the panels of B
// give. dst starts at row 0 of the packed rows and at the first column of the panels.
func (p *laneProduct[T]) mulTiles(s *scratch[T], dst []T, ldd, i1, i2 int, panels []packedPanel[T]) {
	for lane := 0; lane < p.lanes; lane += p.pass {
		own := 0 // where this tile's stack starts
		for _, panel := range panels {
			y := addr(p.b, panel.at+lane*(p.steps*panel.nr+p.pad))
			for i := i1; i < i2; i += tileRows {
				x := addr(p.a, (i/tileRows*p.lanes+lane)*p.aLane)
				sums := addr(p.stacks, own+bits.OnesCount(uint(lane))*tileRows*panel.nr)
				c, h := i*ldd+panel.first, min(tileRows, i2-i)
				if h == tileRows && panel.cols == panel.nr {
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

// mulStraight is mulT without packing: dot products of rows where they lie, as many rows
// of B side by side as one call takes.
func (t *tileSet[T]) mulStraight(s *scratch[T], dst []T, ldd int, a []T, lda, m int, b []T, ldb, n, k int) {
	block := max(1, t.cache/2/(k*sizeOf[T]()+1)) // rows of A that stay in the second-level cache
	for i0 := 0; i0 < m; i0 += block {
		for j := 0; j < n; j += dotCols {
			cols := min(dotCols, n-j)
			for q := range 2 * dotCols { // these rows and the next
				s.rows[q] = addr(b, min(j+q, n-1)*ldb)
			}
			for i := i0; i < min(m, i0+block); i++ {
				c := addr(dst, i*ldd+j)
				if cols < dotCols {
					c = &s.edge[0]
				}
				t.dots(c, addr(a, i*lda), &s.rows[0], k/t.lanes, k%t.lanes)
				if cols < dotCols {
					copy(dst[i*ldd+j:], s.edge[:cols])
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
		mb    = min(packedRows, roundUp(m, tileRows))
		nb    = min(maxPanels*t.wide.nr, n)
		turns = (k + chainSteps - 1) / chainSteps
		kb    = (k + turns - 1) / turns
	)
	pa, pb, _ := s.take(mb*kb, roundUp(nb, t.wide.nr)*kb, 0)
	for i0 := 0; i0 < m; i0 += mb {
		rows := min(mb, m-i0)
		for p0 := 0; p0 < k; p0 += kb {
			steps := min(kb, k-p0)
			for i := 0; i < rows; i += tileRows {
				t.packColumns(s, pa[i*kb:], a[(i0+i)*ai+p0*ap:], ai, ap, min(tileRows, rows-i), steps)
			}
			for j0 := 0; j0 < n; j0 += nb {
				panels := t.cut(s, min(nb, n-j0), steps, 0)
				for _, panel := range panels {
					t.packRows(pb[panel.at:], panel.nr, b[p0*ldb+j0+panel.first:], ldb, panel.cols, steps)
				}
				for i := 0; i < rows; i += tilesDown * tileRows {
					h := min(tilesDown*tileRows, rows-i)
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
		for i := 0; i < rows; i += tileRows {
			c, h := i*ldd+panel.first, min(tileRows, rows-i)
			if h == tileRows && panel.cols == panel.nr {
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
