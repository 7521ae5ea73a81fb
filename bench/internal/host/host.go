// Package host is about the machine that the programs of bench measure on, and the processes
// that they start on it.
package host

import (
	"fmt"
	"os"
	"strings"
)

// CPU returns the name of the processor, "" where it is not known.
func CPU() string {
	info, _ := os.ReadFile("/proc/cpuinfo")
	for line := range strings.Lines(string(info)) {
		if name, value, ok := strings.Cut(line, ":"); ok && strings.TrimSpace(name) == "model name" {
			return strings.TrimSpace(value)
		}
	}
	return ""
}

// PeerEnvironment returns the environment without the variables that would choose kernels and
// cache sizes for a peer's libraries, and with the number of threads.
func PeerEnvironment(environ []string, procs int) []string {
	var env []string
	for _, v := range environ {
		if !strings.HasPrefix(v, "OPENBLAS_") && !strings.HasPrefix(v, "OMP_") && !strings.HasPrefix(v, "MKL_") && !strings.HasPrefix(v, "GOTO_") {
			env = append(env, v)
		}
	}
	for _, name := range []string{"OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"} {
		env = append(env, fmt.Sprintf("%s=%d", name, procs))
	}
	return env
}
