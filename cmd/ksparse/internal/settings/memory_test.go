package settings

import (
	"strings"
	"testing"
)

// TestMemory: the bytes of a training by hand, against what /proc/meminfo says.
func TestMemory(t *testing.T) {
	there := total("MemFree:  5 kB\nMemTotal:       2000000 kB\n") // 2.048 GB
	if there != 2_048_000_000 {
		t.Fatalf("%v bytes", there)
	}
	for _, c := range []struct {
		s               Settings
		inputs, outputs int
		want            string
	}{
		{Settings{Latents: 2_000_000}, 16, 16, ""},                                       // 64e6 parameters of 24 bytes: 1.536 GB
		{Settings{Latents: 3_000_000}, 16, 16, "takes 2.3 GB"},                           // 2.304
		{Settings{Latents: 3_000_000, Tied: true}, 16, 16, ""},                           // half
		{Settings{Latents: 3_000_000}, 16, 1, ""},                                        // 1.224
		{Settings{Latents: 1 << 30}, 1 << 30, 1 << 30, "the machine has 2.05 GB: take "}, // more than an int64 of bytes
	} {
		err := fits(c.s.bytes(c.inputs, c.outputs), there)
		if (err != nil) != (c.want != "") || err != nil && !strings.Contains(err.Error(), c.want) {
			t.Errorf("%d latents, %d to %d: %v, want %q", c.s.Latents, c.inputs, c.outputs, err, c.want)
		}
	}
	if there := total("MemFree: 5 kB\n"); there != 0 || fits(1e30, there) != nil {
		t.Errorf("unknown memory is %v bytes", there)
	}
}
