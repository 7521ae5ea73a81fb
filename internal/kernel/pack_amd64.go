//go:build amd64 && !purego

package kernel

// packLanes packs rows (at most width) rows of src, k elements each, by lane:
// element p = lanes*q+l of row i goes to dst[(lanePosition(l)*steps+q)*width+i].
// What is missing to full groups and to width rows is filled up with zeros.
func (t *tiles[T]) packLanes(s *scratch[T], dst []T, width int, src []T, ld, rows, k int) {
	groups := k / t.lanes
	steps := (k + t.lanes - 1) / t.lanes
	place := s.offsets[:t.lanes]
	for l := range place {
		place[l] = lanePosition(l, t.lanes) * steps * width * size[T]()
	}
	i := 0
	for ; i+t.mr <= rows && groups > 0; i += t.mr {
		t.pack(at(dst, i), at(src, i*ld), ld*size[T](), groups, &place[0], width*size[T]())
	}
	one := func(i, q, l int) {
		var v T
		if p := q*t.lanes + l; i < rows && p < k {
			v = src[i*ld+p]
		}
		dst[(lanePosition(l, t.lanes)*steps+q)*width+i] = v
	}
	for ; i < width; i++ {
		for q := range groups {
			for l := range t.lanes {
				one(i, q, l)
			}
		}
	}
	if groups < steps {
		for i := range width {
			for l := range t.lanes {
				one(i, groups, l)
			}
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
		for p := range steps {
			copy(dst[p*t.mr:(p+1)*t.mr], src[p*ap:])
		}
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

// packRows packs cols (at most width) columns of steps rows of B: element (p, j)
// goes to dst[p*width+j]. Missing columns are zeros.
func packRows[T float](dst []T, width int, src []T, ld, cols, steps int) {
	for p := range steps {
		row := dst[p*width : (p+1)*width]
		copy(row[:cols], src[p*ld:])
		clear(row[cols:])
	}
}
