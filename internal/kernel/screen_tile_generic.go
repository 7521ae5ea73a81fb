package kernel

import "math"

// The products of the screen in plain Go: they define those of the other paths.

// screenTilesGeneric is ScreenTiles.
func screenTilesGeneric(codes, lanes []int16, laneStride int, q []uint8, rows []ScreenRow, panel []uint8, grid Grid, w *ScreenPanel, columns []float32) {
	tile := 4 * ScreenRows * grid.TileGroups(len(panel)/(4*ScreenLatents))
	for i := range rows {
		x := q[i/ScreenRows*tile:][:tile]
		var acc panelSums
		if x = x[i%ScreenRows*4:]; grid == GridBlocks {
			acc.addBlocks(x, panel)
		} else {
			acc.add(x, 4*ScreenRows, panel, grid)
		}
		acc.codes(codes[i*ScreenLatents:], lanes[i*laneStride:], &rows[i], w, columns)
	}
}

// screenOneGeneric is ScreenOne.
func screenOneGeneric(codes, lanes []int16, q []uint8, row *ScreenRow, panel []uint8, grid Grid, w *ScreenPanel, columns []float32) {
	var acc panelSums
	acc.add(q, 4, panel, grid)
	acc.codes(codes, lanes, row, w, columns)
}

// panelSums are the products of one row with the latents of a panel.
type panelSums [ScreenLatents]int32

// add adds the products of all groups of a row, which lie stride bytes apart.
func (acc *panelSums) add(q []uint8, stride int, panel []uint8, grid Grid) {
	for g := 0; len(panel) >= 4*ScreenLatents; g++ {
		x := q[g*stride:][:4]
		p := panel[:4*ScreenLatents]
		panel = panel[4*ScreenLatents:]
		if grid == GridFine {
			x0, x1 := int16At(x), int16At(x[2:])
			for l := range acc {
				c := p[4*l : 4*l+4 : 4*l+4]
				acc[l] += x0*int16At(c) + x1*int16At(c[2:])
			}
			continue
		}
		x0, x1, x2, x3 := int32(int8(x[0])), int32(int8(x[1])), int32(int8(x[2])), int32(int8(x[3]))
		for l := range acc {
			c := p[4*l : 4*l+4 : 4*l+4]
			if grid == GridSigned {
				acc[l] += x0*int32(int8(c[0])) + x1*int32(int8(c[1])) + x2*int32(int8(c[2])) + x3*int32(int8(c[3]))
			} else {
				acc[l] += x0*int32(c[0]) + x1*int32(c[1]) + x2*int32(c[2]) + x3*int32(c[3])
			}
		}
	}
}

// addBlocks adds the sums of all blocks of a row of a tile of GridBlocks.
func (acc *panelSums) addBlocks(q, panel []uint8) {
	const group, latents = 4 * ScreenRows, 4 * ScreenLatents
	starts := q[len(panel)/latents*group:]
	for b := 0; len(panel) >= blockGroups*latents; b++ {
		start := starts[b*group:][:4]
		for l := range acc {
			first, second := int16(int16At(start)), int16(int16At(start[2:]))
			for g := range blockGroups {
				x, w := q[g*group:][:4], panel[g*latents+4*l:][:4]
				first += int16(int8(x[0]))*int16(w[0]) + int16(int8(x[1]))*int16(w[1])
				second += int16(int8(x[2]))*int16(w[2]) + int16(int8(x[3]))*int16(w[3])
			}
			acc[l] += int32(first) + int32(second)
		}
		q, panel = q[blockGroups*group:], panel[blockGroups*latents:]
	}
}

// codes adds the start of the row to the sums, turns them into codes, and raises the
// lanes to those.
func (acc *panelSums) codes(codes, lanes []int16, row *ScreenRow, w *ScreenPanel, columns []float32) {
	codes, lanes = codes[:ScreenLatents], lanes[:ScreenLatents]
	for l, a := range acc {
		y := float32(float32(float32(row.Start+a)*row.Scale) * w.Scale[l])
		y = fma32(row.Bias, w.Bias[l], y)
		for o := 0; o*ScreenLatents < len(columns); o++ {
			y = fma32(row.Outlier[o], columns[o*ScreenLatents+l], y)
		}
		y = math.Float32frombits(math.Float32bits(y) & row.Mask)
		y = fma32(row.Norm, w.Norm[l], y)
		y = fma32(row.Residual, w.Residual[l], y)
		y += screenRound
		c := int16(math.MinInt16)
		if y >= math.MaxInt16 {
			c = math.MaxInt16
		} else if y > math.MinInt16 {
			c = int16(y)
		}
		codes[l] = c
		lanes[l] = max(lanes[l], c)
	}
}
