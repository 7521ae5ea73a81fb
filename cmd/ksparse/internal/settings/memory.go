package settings

import (
	"fmt"
	"os"
	"strings"
)

// bytesEach is what a parameter takes: the number and the optimizer's two, in float64.
const bytesEach = 3 * 8

// bytes returns about how many bytes the weights and the optimizer's state take. It is a float64, for a count of them may
// be more than an int holds.
func (s *Settings) bytes(inputs, outputs int) float64 {
	if s.Tied {
		outputs = 0 // the decoder is the encoder
	}
	return bytesEach * float64(s.Latents) * (float64(inputs) + float64(outputs))
}

// fits returns an error where there are fewer bytes of memory than a training takes. 0 are unknown.
func fits(takes, there float64) error {
	if there > 0 && takes > there {
		return fmt.Errorf("the training takes %.3g GB for its weights and the optimizer, and the machine has %.3g GB: take fewer --latents", takes/1e9, there/1e9)
	}
	return nil
}

// memory returns the bytes of memory that the machine has, or 0 where that is unknown: elsewhere than on Linux.
func memory() float64 {
	text, err := os.ReadFile("/proc/meminfo")
	if err != nil {
		return 0
	}
	return total(string(text))
}

// total returns the bytes that /proc/meminfo gives as MemTotal, 0 where it gives none.
func total(meminfo string) float64 {
	for line := range strings.Lines(meminfo) {
		var kB float64
		if n, _ := fmt.Sscanf(line, "MemTotal: %f kB", &kB); n == 1 {
			return 1024 * kB
		}
	}
	return 0
}
