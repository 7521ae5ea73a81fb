package main

import "fmt"

// pack writes the transposition of four rows, a group of elements at a time. Each lane
// has a pointer of its own.
func (g *gen) pack() {
	g.begin("pack"+g.suffix, fmt.Sprintf("dst, src *%s, ld, groups int, offsets *int, step int", g.goType), "",
		fmt.Sprintf("transposes %d rows of src (ld bytes apart) in groups of %d elements:", tileRows, g.lanes),
		"",
		"\tfor q := range groups {",
		fmt.Sprintf("\t\tfor l := range %d {", g.lanes),
		fmt.Sprintf("\t\t\tfor i := range %d {", tileRows),
		fmt.Sprintf("\t\t\t\tdst[offsets[l]+step*q+i] = src[i][%d*q+l]", g.lanes),
		"\t\t\t}", "\t\t}", "\t}",
		"",
		"offsets and step are in bytes.")
	var row [tileRows]R
	row[0] = g.arg("src")
	n, step := g.arg("groups"), g.arg("step")
	for i := 1; i < tileRows; i++ {
		row[i] = g.newR()
	}
	lane := make([]R, g.lanes)
	for l := range lane {
		lane[l] = g.newR()
	}
	dst, offsets := g.arg("dst"), g.arg("offsets")
	g.argTo(lane[0], "ld")
	for i := 1; i < tileRows; i++ {
		g.add(row[i], row[i-1], lane[0])
	}
	for l := range lane {
		g.read(lane[l], offsets, 8*l)
		g.add(lane[l], lane[l], dst)
	}
	x, y := g.newVs(4*tileRows), g.newVs(8)
	g.loop("group", n, true, func() {
		for i := range row {
			g.loads(x[4*i:4*i+4], row[i], 0)
			g.addI(row[i], row[i], 64)
		}
		for v := range 4 {
			g.transpose([tileRows]V{x[v], x[4+v], x[8+v], x[12+v]}, y, lane[v*g.perVec():], step)
		}
	})
	g.end()
}

// transpose stores the columns of one register of each row, each to where its lane's
// pointer is, which it moves on by step. y are eight registers, one after the other.
func (g *gen) transpose(x [tileRows]V, y []V, lane []R, step R) {
	if g.bytes == 8 {
		for odd, zip := range []string{"zip1.2d", "zip2.2d"} {
			g.do(zip, y[2*odd], x[0], x[1])
			g.do(zip, y[2*odd+1], x[2], x[3])
			g.storeStep("2d", y[2*odd], 2, lane[odd], step)
		}
		return
	}
	for odd, trn := range []string{"trn1.4s", "trn2.4s"} { // columns 0 and 2, or 1 and 3, of two rows
		g.do(trn, y[2*odd], x[0], x[1])
		g.do(trn, y[2*odd+1], x[2], x[3])
		for half, zip := range []string{"zip1.2d", "zip2.2d"} {
			g.do(zip, y[4+2*half+odd], y[2*odd], y[2*odd+1])
			g.storeStep("4s", y[4+2*half+odd], 1, lane[2*half+odd], step)
		}
	}
}

// copyRows copies count registers of each row: of a panel of B, or of a transposed A.
func (g *gen) copyRows(name string, count int) {
	elements := count * g.perVec()
	g.begin(name+g.suffix, fmt.Sprintf("dst, src *%s, ld, rows int", g.goType), "",
		fmt.Sprintf("copies %d elements from each row of src (ld bytes apart):", elements),
		"",
		"\tfor p := range rows {",
		fmt.Sprintf("\t\tcopy(dst[%[1]d*p:%[1]d*(p+1)], src[p])", elements),
		"\t}")
	dst, src, ld, n, v := g.arg("dst"), g.arg("src"), g.arg("ld"), g.arg("rows"), g.newVs(count)
	g.loop("row", n, true, func() {
		g.loads(v, src, 0)
		g.stores(v, dst, 0)
		g.add(src, src, ld)
		g.addI(dst, dst, 16*count)
	})
	g.end()
}
