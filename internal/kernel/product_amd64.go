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
//	packed, without asking for the result's lines         87 %      87 %
//	packed, no bytes between lanes, 1024 inputs           87 %      80 %
//	tile loop unrolled by 4; by 2; not at all             92 %      91 %
//
// Rows where they lie cost nothing to pack and win as long as eight rows of B fit
// into the first-level cache (hence near); beyond that each tile reads 11 rows
// from the second level and waits for them. Splitting the sum there would mean to
// store and reload eight lanes for each element of the result. Other shapes of
// that tile (5x5, 4x6) read a tenth less per multiply-add, too little to change
// this, and were not built. With more rows of A than the second level holds, B
// comes from memory several times, which two cores at once feel: 1024x768x8192
// in float32 225 GFLOPS against 239 packed.
//
// mulAdd of the same size: 85 % with 384 steps, panels of B copied by Go and A
// outermost; 94 % with 768 steps, copies in assembly, eight tiles of A below each
// panel of B, and the lines of the next tile of C asked for.
//
// Reading gathered rows from memory (16384 x 768, 100 MB): 42-44 GB/s; 45-47 with
// the first four lines of the next eight rows asked for, 38-40 with whole rows.

// How a product is cut up. Packed rows of A and one packed panel of B, which
// together fit into the second-level cache, meet tile by tile.
const (
	packedRows = 1024 // rows of A packed at a time
	maxPanels  = 8    // wide panels of B packed at a time
	tileRows   = 8    // tiles that one panel of B meets before the next panel
	chainSteps = 768  // steps of a chain between two visits of the result
	lanePad    = 64   // bytes after each lane of a packed panel: see the generator
)

// panel is a packed group of columns of the result.
type panel[T float] struct {
	*tile[T]
	first, cols int // columns of the result
	at          int // where its packed elements start
}

// cut divides cols columns into panels of which one column takes length packed
// elements and a whole one pad more.
func (t *tiles[T]) cut(s *scratch[T], cols, length, pad int) []panel[T] {
	list, at := s.panels[:0], 0
	for j := 0; j < cols; {
		p := panel[T]{tile: t.panel(cols - j), first: j, at: at}
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
func (t *tiles[T]) mulT(dst []T, ldd int, a []T, lda, m int, b []T, ldb, n, k int) {
	if m == 0 || n == 0 {
		return
	}
	within(dst, m, ldd, n)
	within(a, m, lda, k)
	within(b, n, ldb, k)
	s := getScratch[T]()
	defer s.free()
	near := (len(t.dots)+t.dotCols)*k*size[T]() <= t.near && m*k*size[T]() <= t.cache/2
	if m < t.few || n < t.few || near {
		t.mulStraight(s, dst, ldd, a, lda, m, b, ldb, n, k)
		return
	}
	var (
		steps = (k + t.lanes - 1) / t.lanes
		pad   = lanePad / size[T]()
		aLane = steps*t.mr + pad // of a panel
		nr    = t.wide.nr
		mb    = min(packedRows, roundUp(m, t.mr))
		nb    = min(maxPanels*nr, n)
		stack = t.mr * nr * bits.Len(uint(t.lanes-1)) // the finished lanes of one tile
		group = t.lanes                               // how many lanes pass by at a time
	)
	for group > 1 && group*(tileRows*aLane+steps*nr+pad)*size[T]() > t.cache {
		group /= 2
	}
	ap, bp, stacks := s.take(mb/t.mr*t.lanes*aLane, t.lanes*(steps*roundUp(nb, nr)+pad*(maxPanels+1)), tileRows*(maxPanels+1)*stack)
	for i0 := 0; i0 < m; i0 += mb {
		rows := min(mb, m-i0)
		for i := 0; i < rows; i += t.mr {
			t.packLanes(s, ap[i/t.mr*t.lanes*aLane:], t.mr, a[(i0+i)*lda:], lda, min(t.mr, rows-i), k)
		}
		for j0 := 0; j0 < n; j0 += nb {
			panels := t.cut(s, min(nb, n-j0), steps*t.lanes, pad*t.lanes)
			for _, p := range panels {
				t.packLanes(s, bp[p.at:], p.nr, b[(j0+p.first)*ldb:], ldb, p.cols, k)
			}
			for i1 := 0; i1 < rows; i1 += tileRows * t.mr {
				i2 := min(rows, i1+tileRows*t.mr)
				for lane := 0; lane < t.lanes; lane += group {
					own := 0 // where this tile's stack starts
					for _, p := range panels {
						y := at(bp, p.at+lane*(steps*p.nr+pad))
						for i := i1; i < i2; i += t.mr {
							x := at(ap, (i/t.mr*t.lanes+lane)*aLane)
							sums := at(stacks, own+bits.OnesCount(uint(lane))*t.mr*p.nr)
							c, h := (i0+i)*ldd+j0+p.first, min(t.mr, rows-i)
							if h == t.mr && p.cols == p.nr {
								p.lane(&dst[c], ldd*size[T](), x, y, steps, sums, lane, lane+group)
							} else {
								p.lane(&s.edge[0], p.nr*size[T](), x, y, steps, sums, lane, lane+group)
								if lane+group == t.lanes {
									copyTile(dst[c:], ldd, s.edge[:], p.nr, h, p.cols)
								}
							}
							if group < t.lanes {
								own += stack
							}
						}
					}
				}
			}
		}
	}
}

// mulStraight is mulT without packing: dot products of rows where they lie.
// Where a tile's rows fit into the first-level cache nothing is faster.
func (t *tiles[T]) mulStraight(s *scratch[T], dst []T, ldd int, a []T, lda, m int, b []T, ldb, n, k int) {
	groups, rest := k/t.lanes, mask[T](k%t.lanes)
	step := len(t.dots)
	block := max(1, t.cache/2/(k*size[T]()+1)/step) * step // rows of A that stay in the second-level cache
	for i0 := 0; i0 < m; i0 += block {
		i1 := min(m, i0+block)
		for j := 0; j < n; j += t.dotCols {
			cols := min(t.dotCols, n-j)
			for q := range 2 * t.dotCols { // these rows and the next
				s.rows[q] = at(b, min(j+q, n-1)*ldb)
			}
			for i := i0; i < i1; i += step {
				rows := min(step, i1-i)
				c, ldc := at(dst, i*ldd+j), ldd
				if cols < t.dotCols {
					c, ldc = &s.edge[0], t.dotCols
				}
				t.dots[rows-1](c, ldc*size[T](), at(a, i*lda), lda*size[T](), &s.rows[0], groups, rest)
				if cols < t.dotCols {
					copyTile(dst[i*ldd+j:], ldd, s.edge[:], t.dotCols, rows, cols)
				}
			}
		}
	}
}

// mulAdd adds the product of A and B to dst in chain order.
func (t *tiles[T]) mulAdd(dst []T, ldd, m, n, k int, a []T, ai, ap int, b []T, ldb int) {
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
				for _, p := range panels {
					t.packRows(pb[p.at:], p.nr, b[p0*ldb+j0+p.first:], ldb, p.cols, steps)
				}
				for i1 := 0; i1 < rows; i1 += tileRows * t.mr {
					i2 := min(rows, i1+tileRows*t.mr)
					for _, p := range panels {
						y := at(pb, p.at)
						for i := i1; i < i2; i += t.mr {
							c, h := (i0+i)*ldd+j0+p.first, min(t.mr, rows-i)
							if h == t.mr && p.cols == p.nr {
								p.chain(&dst[c], ldd*size[T](), at(pa, i*kb), y, steps)
								continue
							}
							copyTile(s.edge[:], p.nr, dst[c:], ldd, h, p.cols)
							p.chain(&s.edge[0], p.nr*size[T](), at(pa, i*kb), y, steps)
							copyTile(dst[c:], ldd, s.edge[:], p.nr, h, p.cols)
						}
					}
				}
			}
		}
	}
}

func roundUp(n, to int) int { return (n + to - 1) / to * to }

func copyTile[T float](dst []T, ldd int, src []T, lds, rows, cols int) {
	for i := range rows {
		copy(dst[i*ldd:i*ldd+cols], src[i*lds:i*lds+cols])
	}
}
