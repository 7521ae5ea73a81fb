package kernel

import (
	"fmt"
	"os"
)

// paths lists every path that this build has, fastest first, plain Go last.
var paths = append(archPaths(), generic)

// active is the path in use. It is chosen once, at the start of the program.
var active = choose(os.Getenv("KSPARSE_KERNELS"))

// choose returns the available path of that name, or the fastest where name is
// empty. It panics where there is none: a test set-up that names such a path is
// mistaken, and to test another path quietly would hide that.
func choose(name string) path {
	for _, p := range paths {
		if p.available && (name == "" || name == p.name) {
			return p
		}
	}
	panic(fmt.Sprintf("ksparse: KSPARSE_KERNELS=%q is not available on this processor", name))
}

// Active returns the name of the path in use.
func Active() string { return active.name }

// Available returns the names of the paths that this processor can run, fastest
// first.
func Available() []string {
	var names []string
	for _, p := range paths {
		if p.available {
			names = append(names, p.name)
		}
	}
	return names
}

// Use switches to the path of that name and returns a function that switches back.
// It is for tests and benchmarks: nothing may be computing at the time.
func Use(name string) (restore func()) {
	old := active
	active = choose(name)
	return func() { active = old }
}
