//go:build linux

package kernel

import (
	"math/rand/v2"
	"syscall"
	"testing"
	"unsafe"
)

// TestVectorKernelsStayInside puts every operand against a page that cannot be
// read, once before and once after it. A kernel that goes further, even by a
// load whose result it drops, crashes the test.
func TestVectorKernelsStayInside(t *testing.T) {
	page := syscall.Getpagesize()
	newPage := func() []float64 {
		memory, err := syscall.Mmap(-1, 0, 3*page, syscall.PROT_READ|syscall.PROT_WRITE, syscall.MAP_ANON|syscall.MAP_PRIVATE)
		if err != nil {
			t.Skip(err)
		}
		t.Cleanup(func() { syscall.Munmap(memory) })
		for _, outer := range [][]byte{memory[:page], memory[2*page:]} {
			if err := syscall.Mprotect(outer, syscall.PROT_NONE); err != nil {
				t.Skip(err)
			}
		}
		return unsafe.Slice((*float64)(unsafe.Pointer(&memory[page])), page/8)
	}
	pages := [][]float64{newPage(), newPage(), newPage(), newPage()}
	rng := rand.New(rand.NewPCG(12, 0))
	for i := range allVectorPaths {
		p := &allVectorPaths[i]
		if !p.available {
			continue
		}
		for _, k := range vectorKernels {
			for n := 0; n <= 40; n++ {
				for _, atEnd := range []bool{false, true} {
					a := make([][]float64, k.arrays)
					for j := range a {
						a[j] = pages[j][:n:n]
						if atEnd {
							a[j] = pages[j][len(pages[j])-n:]
						}
						copy(a[j], samplesFor(rng, n))
					}
					k.run(p, a)
				}
			}
		}
	}
}
