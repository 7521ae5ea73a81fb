//go:build amd64 && !purego

package kernel

import "math/bits"

// How a product is cut up. A block of B is packed into panels of nr columns and
// stays in the second-level cache while the packed rows of A pass by.
const (
	rowBlock   = 1024 // rows of A packed at a time
	panelBlock = 4    // panels of B packed at a time by mulT
	chainBlock = 384  // steps of a chain between two visits of the result
	chainCols  = 8    // panels of B packed at a time by mulAdd
	fewRows    = 16   // below this, packing B costs more than it saves
	longRow    = 4096 // from this on, lanes pass by one at a time
)

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
	if m < fewRows {
		t.mulFew(s, dst, ldd, a, lda, m, b, ldb, n, k)
		return
	}
	var (
		steps  = (k + t.lanes - 1) / t.lanes
		length = steps * t.lanes // of a packed row
		tile   = t.mr * t.nr
		depth  = bits.Len(uint(t.lanes - 1))
		mb     = min(rowBlock, roundUp(m, t.mr))
		nb     = min(panelBlock*t.nr, roundUp(n, t.nr))
		parts  = s.take(mb*length, nb*length, mb*t.nr*depth)
		ap, bp = parts[0], parts[1]
		stacks = parts[2]
		group  = t.lanes
	)
	if k >= longRow {
		group = 1
	}
	for i0 := 0; i0 < m; i0 += mb {
		rows := min(mb, m-i0)
		for i := 0; i < rows; i += t.mr {
			t.packLanes(s, ap[i*length:], t.mr, a[(i0+i)*lda:], lda, min(t.mr, rows-i), k)
		}
		for j0 := 0; j0 < n; j0 += nb {
			cols := min(nb, n-j0)
			for j := 0; j < cols; j += t.nr {
				t.packLanes(s, bp[j*length:], t.nr, b[(j0+j)*ldb:], ldb, min(t.nr, cols-j), k)
			}
			run := func(i, j, first, last int, stack []T) {
				c, ldc := at(dst, (i0+i)*ldd+j0+j), ldd
				full := i+t.mr <= rows && j+t.nr <= cols
				if !full {
					c, ldc = &s.edge[0], t.nr
				}
				t.lane(c, ldc*size[T](), at(ap, i*length+first*steps*t.mr), at(bp, j*length+first*steps*t.nr), steps,
					at(stack, bits.OnesCount(uint(first))*tile), first, last)
				if !full && last == t.lanes {
					copyTile(dst[(i0+i)*ldd+j0+j:], ldd, s.edge[:], t.nr, min(t.mr, rows-i), min(t.nr, cols-j))
				}
			}
			if group == t.lanes {
				for i := 0; i < rows; i += t.mr {
					for j := 0; j < cols; j += t.nr {
						run(i, j, 0, t.lanes, stacks)
					}
				}
				continue
			}
			for j := 0; j < cols; j += t.nr {
				for first := 0; first < t.lanes; first += group {
					for i := 0; i < rows; i += t.mr {
						run(i, j, first, first+group, stacks[i*t.nr*depth:])
					}
				}
			}
		}
	}
}

// mulFew is mulT for few rows: dot products straight from memory.
func (t *tiles[T]) mulFew(s *scratch[T], dst []T, ldd int, a []T, lda, m int, b []T, ldb, n, k int) {
	groups, rest := k/t.lanes, mask[T](k%t.lanes)
	for j := 0; j < n; j += t.dotCols {
		cols := min(t.dotCols, n-j)
		for q := range t.dotCols {
			s.rows[q] = at(b, (j+min(q, cols-1))*ldb)
		}
		for i := 0; i < m; i += len(t.dots) {
			rows := min(len(t.dots), m-i)
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
		mb    = min(rowBlock, roundUp(m, t.mr))
		nb    = min(chainCols*t.nr, roundUp(n, t.nr))
		kb    = min(chainBlock, k)
		parts = s.take(mb*kb, nb*kb)
		pa    = parts[0]
		pb    = parts[1]
	)
	for i0 := 0; i0 < m; i0 += mb {
		rows := min(mb, m-i0)
		for p0 := 0; p0 < k; p0 += kb {
			steps := min(kb, k-p0)
			for i := 0; i < rows; i += t.mr {
				t.packColumns(s, pa[i*kb:], a[(i0+i)*ai+p0*ap:], ai, ap, min(t.mr, rows-i), steps)
			}
			for j0 := 0; j0 < n; j0 += nb {
				cols := min(nb, n-j0)
				for j := 0; j < cols; j += t.nr {
					packRows(pb[j*kb:], t.nr, b[p0*ldb+j0+j:], ldb, min(t.nr, cols-j), steps)
				}
				for i := 0; i < rows; i += t.mr {
					for j := 0; j < cols; j += t.nr {
						x, y := at(pa, i*kb), at(pb, j*kb)
						c := (i0+i)*ldd + j0 + j
						if i+t.mr <= rows && j+t.nr <= cols {
							t.chain(&dst[c], ldd*size[T](), x, y, steps)
							continue
						}
						h, w := min(t.mr, rows-i), min(t.nr, cols-j)
						copyTile(s.edge[:], t.nr, dst[c:], ldd, h, w)
						t.chain(&s.edge[0], t.nr*size[T](), x, y, steps)
						copyTile(dst[c:], ldd, s.edge[:], t.nr, h, w)
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
