package kernel

import (
	"encoding/binary"
	"math"
	"testing"
)

// FuzzPaths draws shapes and the bits of every number from the fuzzer, NaN and
// infinities included, and compares all paths with plain Go.
func FuzzPaths(f *testing.F) {
	f.Add(uint8(3), uint8(5), uint8(9), uint8(1), []byte("\x00\x00\x00\x00\x00\x00\xf0\x3f\x01\x00\x00\x00\x00\x00\x00\x80\x00\x00\x00\x00\x00\x00\xf0\x7f"))
	f.Add(uint8(17), uint8(50), uint8(33), uint8(0), []byte("\xff\xff\xff\xff\xff\xff\xef\x7f12345678"))
	f.Fuzz(func(t *testing.T, rows, cols, inner, gap uint8, data []byte) {
		m, n, k, pad := int(rows%40), int(cols%110), int(inner%70), int(gap%4)
		next := 0
		numbers := func(count int) []float64 {
			s := make([]float64, count)
			for i := range s {
				var b [8]byte
				for j := range b {
					if len(data) > 0 {
						b[j] = data[next%len(data)]
						next++
					}
				}
				next += 3 // so that short data does not repeat at once
				s[i] = math.Float64frombits(binary.LittleEndian.Uint64(b[:]))
			}
			return s
		}
		a, b, c := numbers(m*(k+pad)), numbers(n*(k+pad)), numbers(m*(n+pad))
		b2 := numbers(k * (n + pad))
		alpha, idx := numbers(k), make([]int32, k)
		for i := range idx {
			idx[i] = int32(i)
		}
		// Lists of indices and their lengths from the fuzzer too.
		offsets, lists := make([]int, m+1), []int32(nil)
		for i := range m {
			for _, v := range data[:min(len(data), i)] {
				if k > 0 && v&1 == 1 {
					lists = append(lists, int32(int(v)*(i+1)%k))
				}
			}
			offsets[i+1] = len(lists)
		}
		factors := numbers(len(lists))
		results := func(p path) (sums, chains, rows []float64, above []int32) {
			sums = append([]float64(nil), c...)
			p.mulT(sums, n+pad, a, k+pad, m, b, k+pad, n, k)
			chains = append([]float64(nil), c...)
			p.mulAdd(chains, n+pad, m, n, k, a, k+pad, 1, b2, n+pad)
			if k > 0 && n > 0 {
				rows = make([]float64, n+k)
				p.addRows(rows[:n], alpha, b2, n+pad, idx)
				p.dotRows(rows[n:], rows[:n], b2, n+pad, idx)
				batch := append([]float64(nil), c...)
				p.addRowsBatch(batch, n+pad, n, offsets, factors, b2, n+pad, lists)
				rows = append(rows, batch...)
				rows = append(rows, p.dot(alpha, b2[:k*(n+pad)]))
			}
			above = make([]int32, len(c))
			if len(c) > 0 {
				above = above[:p.above(above, c, c[0])]
			}
			return
		}
		sums, chains, gathered, hits := results(definition())
		fast32 := func(p path) []float32 {
			z := narrow32(c)
			p.mulT32(z, n+pad, narrow32(a), k+pad, m, narrow32(b), k+pad, n, k)
			p.mulAdd32(z, n+pad, m, n, k, narrow32(a), k+pad, 1, narrow32(b2), n+pad)
			return z
		}
		single := fast32(definition())
		for _, p := range fastPaths() {
			s, ch, g, h := results(p)
			compare(t, p.name+" mulT", s, sums)
			compare(t, p.name+" mulAdd", ch, chains)
			compare(t, p.name+" gathers", g, gathered)
			compare32(t, p.name+" float32", fast32(p), single)
			if len(h) != len(hits) {
				t.Fatalf("%s above: %d hits, want %d", p.name, len(h), len(hits))
			}
			for i := range hits {
				if h[i] != hits[i] {
					t.Fatalf("%s above: hit %d is %d, want %d", p.name, i, h[i], hits[i])
				}
			}
		}
	})
}

// narrow32 returns the nearest float32 of each number.
func narrow32(s []float64) []float32 {
	n := make([]float32, len(s))
	for i, v := range s {
		n[i] = float32(v)
	}
	return n
}
