//go:build amd64 && !purego

package kernel

// packLanes packs rows (at most width) rows of src, k elements each, by lane:
// element p = lanes*q+l of row i goes to place q*width+i of lane l, and the lanes
// follow each other as lanePosition says, lanePad bytes apart.
// What is missing to full groups and to width rows is filled up with zeros.
func (t *tiles[T]) packLanes(s *scratch[T], dst []T, width int, src []T, ld, rows, k int) {
	groups := k / t.lanes
	steps := (k + t.lanes - 1) / t.lanes
	length := steps*width + lanePad/size[T]()
	place := s.offsets[:t.lanes]
	for l := range place {
		place[l] = lanePosition(l, t.lanes) * length * size[T]()
	}
	step := width * size[T]()
	for i := 0; i < width; i += t.mr {
		to, n := dst[i:], 0
		if h := rows - i; h >= t.mr {
			t.pack(&to[0], at(src, i*ld), ld*size[T](), groups, &place[0], step)
			n = groups
		}
		// By way of a copy with zeros around it: the last, partial group, and rows
		// that are too few for pack.
		wide := len(s.edge) / t.mr / t.lanes // groups in a copy
		for ; n < steps; n += wide {
			clear(s.edge[:])
			from, until := n*t.lanes, min(k, (n+wide)*t.lanes)
			for r := range min(t.mr, rows-i) {
				copy(s.edge[r*wide*t.lanes:], src[(i+r)*ld+from:(i+r)*ld+until])
			}
			t.pack(at(to, n*width), &s.edge[0], wide*t.lanes*size[T](), min(wide, steps-n), &place[0], step)
		}
	}
}

// packColumns packs steps columns of A for a chain: element (i, p), which is
// src[i*ai+p*ap], goes to dst[p*mr+i]. Missing rows are zeros.
func (t *tiles[T]) packColumns(s *scratch[T], dst []T, src []T, ai, ap, rows, steps int) {
	p0 := 0
	switch {
	case rows < t.mr:
		clear(dst[:steps*t.mr])
	case ai == 1:
		t.copyColumns(&dst[0], &src[0], ap*size[T](), steps)
		return
	case ap == 1:
		groups := steps / t.lanes
		place := s.offsets[:t.lanes]
		for l := range place {
			place[l] = l * t.mr * size[T]()
		}
		t.pack(&dst[0], &src[0], ai*size[T](), groups, &place[0], t.lanes*t.mr*size[T]())
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
func (t *tiles[T]) packRows(dst []T, nr int, src []T, ld, cols, steps int) {
	if cols == t.wide.nr {
		t.copyRows(&dst[0], &src[0], ld*size[T](), steps)
		return
	}
	for p := range steps {
		row := dst[p*nr : (p+1)*nr]
		copy(row[:cols], src[p*ld:])
		clear(row[cols:])
	}
}
