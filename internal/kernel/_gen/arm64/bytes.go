package main

// dotBytes writes DotBytes, for one row after the other, with SDOT or, for smlal, without.
func (g *gen) dotBytes(k kind) {
	name := "dotBytesNEON"
	if k == smlal {
		name = "dotBytesPlainNEON"
	}
	g.begin(name, "dst *int32, q *int8, w *uint8, ldw, lines int, rows *int32, n, ahead int", "",
		"is DotBytes: for t from 0 to n-1 and p from 0 to 64*lines-1,",
		"",
		"\tdst[t] += int32(q[p]) * int32(int8(w[ldw*rows[t]+p]-128))",
		"",
		"from 0. It prefetches row rows[t+ahead] beside each row, where ahead is in bytes, four for each",
		"int32.")
	dst, q, w, ldw, lines := g.arg("dst"), g.arg("q"), g.arg("w"), g.arg("ldw"), g.arg("lines")
	rows, n, ahead := g.arg("rows"), g.arg("n"), g.arg("ahead")
	x, row, next, left, sign := g.newR(), g.newR(), g.newR(), g.newR(), g.newR()
	signs, low, acc, a, b := g.newV(), g.newV(), g.newVs(4), g.newVs(4), g.newVs(4)
	g.set(sign, 0x80)
	g.dupR("16b", signs, sign)
	g.loop("row", n, false, func() {
		g.add(x, rows, ahead)
		g.readInt32(next, x)
		g.readInt32(row, rows)
		g.multiplyAdd(row, w, row, ldw)
		g.multiplyAdd(next, w, next, ldw)
		for _, z := range acc {
			g.zero(z)
		}
		g.copyR(x, q)
		g.copyR(left, lines)
		g.loop("line", left, true, func() {
			g.loads(a, x, 0)
			g.loads(b, row, 0)
			g.prefetch(next, 0)
			g.addI(x, x, 64)
			g.addI(row, row, 64)
			g.addI(next, next, 64)
			for v := range a {
				g.do("eor", b[v], b[v], signs)
				if k == sdot {
					g.do("sdot", acc[v], a[v], b[v])
					continue
				}
				g.do("smull", low, a[v], b[v])
				g.do("smull2", b[v], a[v], b[v])
				g.do("sadalp", acc[v], low)
				g.do("sadalp", acc[v], b[v])
			}
		})
		for step := 1; step < len(acc); step *= 2 {
			for v := 0; v < len(acc); v += 2 * step {
				g.do("add.4s", acc[v], acc[v], acc[v+step])
			}
		}
		g.total("addv", acc[0], acc[0])
		g.storeS(acc[0], dst, 0)
		g.addI(dst, dst, 4)
	})
	g.end()
}
