package mapped

import (
	"bytes"
	"os"
	"unsafe"

	"golang.org/x/sys/unix"
)

// resident reports whether the system has all of b, bytes of a mapping, in memory.
func resident(b []byte) bool {
	page := os.Getpagesize()
	start := uintptr(unsafe.Pointer(unsafe.SliceData(b)))
	before := int(start) % page
	var pages [512]byte // the lowest bit of each: whether it is there
	for from, end := start-uintptr(before), len(b)+before; end > 0; {
		n := min((end+page-1)/page, len(pages))
		if _, _, failed := unix.Syscall(unix.SYS_MINCORE, from, uintptr(n*page), uintptr(unsafe.Pointer(&pages))); failed != 0 {
			return false
		}
		for i := range pages[:n] {
			pages[i] &= 1
		}
		if bytes.IndexByte(pages[:n], 0) >= 0 {
			return false
		}
		from, end = from+uintptr(n*page), end-n*page
	}
	return true
}
