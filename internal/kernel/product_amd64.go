//go:build amd64 && !purego

package kernel

import "math/bits"

// How a product is cut up. Packed rows of A and one packed panel of B, which
// together fit into the second-level cache, meet tile by tile.
const (
	packedRows = 1024 // rows of A packed at a time
	panels     = 8    // panels of B packed at a time
	tileRows   = 8    // tiles that one panel of B meets before the next panel
	chainSteps = 768  // steps of a chain between two visits of the result
	lanePad    = 64   // bytes after each lane of a packed panel: see the generator
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
	if m < t.few {
		t.mulFew(s, dst, ldd, a, lda, m, b, ldb, n, k)
		return
	}
	var (
		steps = (k + t.lanes - 1) / t.lanes
		pad   = lanePad / size[T]()
		aLane = steps*t.mr + pad // of a panel
		bLane = steps*t.nr + pad
		tile  = t.mr * t.nr
		depth = bits.Len(uint(t.lanes - 1)) // of the stack of one tile
		mb    = min(packedRows, roundUp(m, t.mr))
		nb    = min(panels*t.nr, roundUp(n, t.nr))
		group = t.lanes // how many lanes pass by at a time
	)
	for group > 1 && group*(tileRows*aLane+bLane)*size[T]() > t.cache {
		group /= 2
	}
	parts := s.take(mb/t.mr*t.lanes*aLane, nb/t.nr*t.lanes*bLane, tileRows*nb/t.nr*tile*depth)
	ap, bp, stacks := parts[0], parts[1], parts[2]
	for i0 := 0; i0 < m; i0 += mb {
		rows := min(mb, m-i0)
		for i := 0; i < rows; i += t.mr {
			t.packLanes(s, ap[i/t.mr*t.lanes*aLane:], t.mr, a[(i0+i)*lda:], lda, min(t.mr, rows-i), k)
		}
		for j0 := 0; j0 < n; j0 += nb {
			cols := min(nb, n-j0)
			for j := 0; j < cols; j += t.nr {
				t.packLanes(s, bp[j/t.nr*t.lanes*bLane:], t.nr, b[(j0+j)*ldb:], ldb, min(t.nr, cols-j), k)
			}
			for i1 := 0; i1 < rows; i1 += tileRows * t.mr {
				for first := 0; first < t.lanes; first += group {
					stack := bits.OnesCount(uint(first)) * tile
					for j := 0; j < cols; j += t.nr {
						y := at(bp, (j/t.nr*t.lanes+first)*bLane)
						for i := i1; i < min(rows, i1+tileRows*t.mr); i += t.mr {
							x := at(ap, (i/t.mr*t.lanes+first)*aLane)
							c := (i0+i)*ldd + j0 + j
							if i+t.mr <= rows && j+t.nr <= cols {
								t.lane(&dst[c], ldd*size[T](), x, y, steps, at(stacks, stack), first, first+group)
							} else {
								t.lane(&s.edge[0], t.nr*size[T](), x, y, steps, at(stacks, stack), first, first+group)
								if first+group == t.lanes {
									copyTile(dst[c:], ldd, s.edge[:], t.nr, min(t.mr, rows-i), min(t.nr, cols-j))
								}
							}
							stack += tile * depth
						}
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
		mb    = min(packedRows, roundUp(m, t.mr))
		nb    = min(panels*t.nr, roundUp(n, t.nr))
		turns = (k + chainSteps - 1) / chainSteps
		kb    = (k + turns - 1) / turns
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
					t.packRows(pb[j*kb:], b[p0*ldb+j0+j:], ldb, min(t.nr, cols-j), steps)
				}
				for i1 := 0; i1 < rows; i1 += tileRows * t.mr {
					for j := 0; j < cols; j += t.nr {
						for i := i1; i < min(rows, i1+tileRows*t.mr); i += t.mr {
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
}

func roundUp(n, to int) int { return (n + to - 1) / to * to }

func copyTile[T float](dst []T, ldd int, src []T, lds, rows, cols int) {
	for i := range rows {
		copy(dst[i*ldd:i*ldd+cols], src[i*lds:i*lds+cols])
	}
}
