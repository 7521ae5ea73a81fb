//go:build (amd64 || arm64) && !purego

package kernel

// lanePad is how many bytes follow each lane of packed rows: see the generator.
const lanePad = 64

// packLanes packs rows (at most width) rows of src, k elements each, by lane:
// element p = lanes*q+l of row i goes to place q*width+i of lane l, and the lanes
// follow each other in the order of lanePosition, lanePad bytes apart.
// Zeros stand for the elements missing from the last group and for missing rows.
func (t *tileSet[T]) packLanes(s *scratch[T], dst []T, width int, src []T, ld, rows, k int) {
	groups := k / t.lanes
	steps := (k + t.lanes - 1) / t.lanes
	length := steps*width + lanePad/sizeOf[T]()
	place := s.offsets[:t.lanes]
	for l := range place {
		place[l] = lanePosition(l, t.lanes) * length * sizeOf[T]()
	}
	step := width * sizeOf[T]()
	for i := 0; i < width; i += t.mr {
		to, n := dst[i:], 0
		if h := rows - i; h >= t.mr {
			t.pack(&to[0], addr(src, i*ld), ld*sizeOf[T](), groups, &place[0], step)
			n = groups
		}
		// The last group, where it is not full, and rows that are too few for pack are
		// first copied between zeros.
		wide := len(s.edge) / t.mr / t.lanes // groups in a copy
		for ; n < steps; n += wide {
			clear(s.edge[:])
			from, until := n*t.lanes, min(k, (n+wide)*t.lanes)
			for r := range min(t.mr, rows-i) {
				copy(s.edge[r*wide*t.lanes:], src[(i+r)*ld+from:(i+r)*ld+until])
			}
			t.pack(addr(to, n*width), &s.edge[0], wide*t.lanes*sizeOf[T](), min(wide, steps-n), &place[0], step)
		}
	}
}

// packColumns packs steps columns of A for a chain: element (i, p), which is
// src[i*ai+p*ap], goes to dst[p*mr+i]. Missing rows are zeros.
func (t *tileSet[T]) packColumns(s *scratch[T], dst []T, src []T, ai, ap, rows, steps int) {
	p0 := 0
	switch {
	case rows < t.mr:
		clear(dst[:steps*t.mr])
	case ai == 1:
		t.copyColumns(&dst[0], &src[0], ap*sizeOf[T](), steps)
		return
	case ap == 1:
		groups := steps / t.lanes
		place := s.offsets[:t.lanes]
		for l := range place {
			place[l] = l * t.mr * sizeOf[T]()
		}
		t.pack(&dst[0], &src[0], ai*sizeOf[T](), groups, &place[0], t.lanes*t.mr*sizeOf[T]())
		p0 = groups * t.lanes
	}
	for i := range rows {
		for p := p0; p < steps; p++ {
			dst[p*t.mr+i] = src[i*ai+p*ap]
		}
	}
}

// packRows packs cols (at most nr) columns of steps rows of B: element (p, j)
// goes to dst[p*nr+j]. Missing columns are zeros.
func (t *tileSet[T]) packRows(dst []T, nr int, src []T, ld, cols, steps int) {
	if cols == t.wide.nr {
		t.copyRows(&dst[0], &src[0], ld*sizeOf[T](), steps)
		return
	}
	for p := range steps {
		row := dst[p*nr : (p+1)*nr]
		copy(row[:cols], src[p*ld:])
		clear(row[cols:])
	}
}
