//go:build linux || darwin

package kernel

import (
	"fmt"
	"math"
	"math/rand/v2"
	"runtime/debug"
	"syscall"
	"testing"
	"unsafe"
)

// Neither -race nor -asan sees assembly step outside a slice. Here operands lie
// against pages that may not be touched, in turn after the last element and
// before the first, so that an overrun of one byte is a fault.

// fenced hands out slices from pages between two that are closed.
type fenced struct {
	t    *testing.T
	page int
}

func fence(t *testing.T) fenced {
	old := debug.SetPanicOnFault(true)
	t.Cleanup(func() { debug.SetPanicOnFault(old) })
	return fenced{t, syscall.Getpagesize()}
}

// bytes returns n bytes that end (or, if front, begin) at a closed page.
func (f fenced) bytes(n int, front bool) []byte {
	f.t.Helper()
	open := (n/f.page + 1) * f.page
	m, err := syscall.Mmap(-1, 0, open+2*f.page, syscall.PROT_READ|syscall.PROT_WRITE, syscall.MAP_ANON|syscall.MAP_PRIVATE)
	if err != nil {
		f.t.Fatal(err)
	}
	f.t.Cleanup(func() { syscall.Munmap(m) })
	for _, closed := range [][]byte{m[:f.page], m[f.page+open:]} {
		if err := syscall.Mprotect(closed, syscall.PROT_NONE); err != nil {
			f.t.Fatal(err)
		}
	}
	if front {
		return m[f.page : f.page+n : f.page+n]
	}
	return m[f.page+open-n : f.page+open : f.page+open]
}

// fencedSlice copies src to the front or the end of the memory between two fences.
func fencedSlice[T any](f fenced, src []T, front bool) []T {
	if len(src) == 0 {
		return nil
	}
	b := f.bytes(len(src)*int(unsafe.Sizeof(src[0])), front)
	s := unsafe.Slice((*T)(unsafe.Pointer(&b[0])), len(src))
	copy(s, src)
	return s
}

// faults runs f and reports a fault as a failure of the test.
func faults(t *testing.T, what string, f func()) {
	t.Helper()
	defer func() {
		if e := recover(); e != nil {
			t.Fatalf("%s: %v", what, e)
		}
	}()
	f()
}

// matrix is a rows x cols matrix that ends with its last element: no gap behind
// the last row.
func matrix(r *rand.Rand, rows, ld, cols int) []float64 {
	if rows == 0 || cols == 0 {
		return nil
	}
	s := kinds[0].slice(r, (rows-1)*ld+cols)
	for i := range rows - 1 { // NaN in the gaps: reading one shows in the result
		for j := cols; j < ld; j++ {
			s[i*ld+j] = math.NaN()
		}
	}
	return s
}

func TestFenceHolds(t *testing.T) {
	f := fence(t)
	for _, front := range []bool{false, true} {
		s := fencedSlice(f, make([]float64, 3), front)
		beyond := 3
		if front {
			beyond = -1
		}
		caught := false
		func() {
			defer func() { caught = recover() != nil }()
			*(*float64)(unsafe.Add(unsafe.Pointer(&s[0]), 8*beyond)) = 1
		}()
		if !caught {
			t.Fatalf("writing element %d of 3 raised no fault", beyond)
		}
	}
}

func TestRowsGuarded(t *testing.T) {
	fast(t, func(t *testing.T, p path) {
		f := fence(t)
		r := rand.New(rand.NewPCG(11, 12))
		for _, k := range []int{0, 1, 2, 3, 4, 5, 7, 8, 9, 12, 15, 16, 17, 23, 31, 33, 100} {
			for _, front := range []bool{false, true} {
				for _, n := range []int{1, 3, 4, 8, 13} {
					const rows = 5
					ldw := k + n%3
					w := fencedSlice(f, matrix(r, rows, ldw, k), front)
					x := fencedSlice(f, kinds[0].slice(r, k), front)
					alpha := fencedSlice(f, kinds[0].slice(r, n), front)
					dst := fencedSlice(f, make([]float64, n), front)
					idx := fencedSlice(f, make([]int32, n), front)
					for i := range idx {
						idx[i] = int32(r.IntN(rows))
					}
					want := make([]float64, n)
					if k == 0 {
						idx, dst, want = nil, nil, nil
					}
					faults(t, fmt.Sprintf("k=%d, n=%d, front %v", k, n, front), func() {
						p.dotRows(dst, x, w, ldw, idx)
						dotRowsGeneric(want, x, w, ldw, idx)
						compare(t, "dotRows", dst, want)
						square := fencedSlice(f, kinds[0].slice(r, n*k), front)
						p.rowSquares(dst, square, k)
						rowSquaresGeneric(want, square, k)
						compare(t, "rowSquares", dst, want)
						sum := append([]float64(nil), x...)
						p.addRows(x, alpha, w, ldw, idx)
						addRowsGeneric(sum, alpha, w, ldw, idx)
						compare(t, "addRows", x, sum)
						p.dot(x, x)
						hits := fencedSlice(f, make([]int32, k), front)
						p.above(hits, x, 0)
						p.above(hits, x, -100)
						p.takeAbove(fencedSlice(f, make([]int64, k), front), hits, 0, 0)
						p.takeAbove(fencedSlice(f, make([]int64, k), front), hits, -1, 0)
						if k > 0 {
							p.kthLargest(x, (k+1)/2)
						}
					})
				}
			}
		}
	})
}

func TestBatchGuarded(t *testing.T) {
	fast(t, func(t *testing.T, p path) {
		f := fence(t)
		r := rand.New(rand.NewPCG(17, 18))
		for _, cols := range []int{1, 2, 3, 4, 5, 7, 8, 9, 12, 17, 31, 33, 47, 63, 65, 95, 129, 131, 191} {
			for _, s := range []struct{ rows, n, per int }{{5, 3, 4}, {30, 3, 4}, {170, 4, 60}} {
				for _, front := range []bool{false, true} {
					ldw, ldd := cols+r.IntN(3), cols+r.IntN(3)
					offsets, idx := lists(r, s.rows, s.n, s.per)
					dst := matrix(r, s.n, ldd, cols)
					w := fencedSlice(f, matrix(r, s.rows, ldw, cols), front)
					alpha := fencedSlice(f, kinds[0].slice(r, len(idx)), front)
					fdst, fidx, foffsets := fencedSlice(f, dst, front), fencedSlice(f, idx, front), fencedSlice(f, offsets, front)
					what := fmt.Sprintf("%v, %d columns, front %v", s, cols, front)
					faults(t, what, func() {
						p.addRowsBatch(fdst, ldd, cols, foffsets, alpha, w, ldw, fidx)
						addRowsBatchGeneric(dst, ldd, cols, offsets, alpha, w, ldw, idx)
						compare(t, what, fdst, dst)
					})
					narrow := make([]float32, len(w))
					for i, v := range w {
						narrow[i] = float32(v)
					}
					fnarrow := fencedSlice(f, narrow, front)
					faults(t, what+", float32", func() {
						p.addRowsBatch32(fdst, ldd, cols, foffsets, alpha, fnarrow, ldw, fidx)
						addRowsBatch32Generic(dst, ldd, cols, offsets, alpha, narrow, ldw, idx)
						compare(t, what+", float32", fdst, dst)
					})
				}
			}
		}
	})
}

func TestStripsGuarded(t *testing.T) {
	fast(t, func(t *testing.T, p path) {
		f := fence(t)
		r := rand.New(rand.NewPCG(33, 34))
		for _, cols := range []int{1, 3, 5, 8, 9, 17, 31, 33, 47, 63, 64, 65, 120, 131} {
			for _, s := range []struct{ rows, n, per int }{{5, 3, 4}, {30, 3, 4}, {90, 20, 40}, {4, 2, 0}} {
				for _, front := range []bool{false, true} {
					ldw, ldy := cols+r.IntN(3), cols+r.IntN(3)
					offsets, idx := lists(r, s.rows, s.n, s.per)
					w, y := fencedSlice(f, matrix(r, s.rows, ldw, cols), front), fencedSlice(f, matrix(r, s.n, ldy, cols), front)
					alpha, bias := fencedSlice(f, kinds[0].slice(r, len(idx)), front), fencedSlice(f, kinds[0].slice(r, cols), front)
					what := fmt.Sprintf("%v, %d columns, front %v", s, cols, front)
					faults(t, what, func() {
						checkStrips(t, p, what, cols, fencedSlice(f, offsets, front), fencedSlice(f, idx, front), w, alpha, ldw, bias, y, ldy, 0.5, func(x []float64) []float64 {
							return fencedSlice(f, x, front)
						})
					})
				}
			}
		}
	})
}

func TestProductsGuarded(t *testing.T) {
	fast(t, func(t *testing.T, p path) {
		f := fence(t)
		r := rand.New(rand.NewPCG(13, 14))
		for try := range 120 {
			m, n, k, pad, front := 1+r.IntN(37), 1+r.IntN(100), 1+r.IntN(40), r.IntN(3), try%2 == 0
			what := fmt.Sprintf("%dx%dx%d, pad %d, front %v", m, n, k, pad, front)
			a, b := matrix(r, m, k+pad, k), matrix(r, n, k+pad, k)
			c, b2, at := matrix(r, m, n+pad, n), matrix(r, k, n+pad, n), matrix(r, k, m+pad, m)
			fa, fb, fc := fencedSlice(f, a, front), fencedSlice(f, b, front), fencedSlice(f, c, front)
			fb2, fat := fencedSlice(f, b2, front), fencedSlice(f, at, front)
			faults(t, what, func() {
				p.mulT(fc, n+pad, fa, k+pad, m, fb, k+pad, n, k)
				mulTGeneric(c, n+pad, a, k+pad, m, b, k+pad, n, k)
				compare(t, "mulT: "+what, fc, c)
				p.mulAdd(fc, n+pad, m, n, k, fa, k+pad, 1, fb2, n+pad)
				mulAddGeneric(c, n+pad, m, n, k, a, k+pad, 1, b2, n+pad)
				compare(t, "mulAdd: "+what, fc, c)
				p.mulAdd(fc, n+pad, m, n, k, fat, 1, m+pad, fb2, n+pad)
				mulAddGeneric(c, n+pad, m, n, k, at, 1, m+pad, b2, n+pad)
				compare(t, "mulAdd, transposed: "+what, fc, c)
				for i := range m {
					for j := range n {
						if math.IsNaN(fc[i*(n+pad)+j]) {
							t.Fatalf("%s: a gap was read: NaN at %d, %d", what, i, j)
						}
					}
				}
			})
			c32 := narrow32(c)
			fa32, fb32 := fencedSlice(f, narrow32(a), front), fencedSlice(f, narrow32(b), front)
			fc32, fb232 := fencedSlice(f, c32, front), fencedSlice(f, narrow32(b2), front)
			faults(t, what, func() {
				p.mulT32(fc32, n+pad, fa32, k+pad, m, fb32, k+pad, n, k)
				mulT32Generic(c32, n+pad, fa32, k+pad, m, fb32, k+pad, n, k)
				compare32(t, "mulT32: "+what, fc32, c32)
				p.mulAdd32(fc32, n+pad, m, n, k, fa32, k+pad, 1, fb232, n+pad)
				mulAdd32Generic(c32, n+pad, m, n, k, fa32, k+pad, 1, fb232, n+pad)
				compare32(t, "mulAdd32: "+what, fc32, c32)
			})
		}
	})
}
