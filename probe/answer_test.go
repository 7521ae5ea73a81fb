package probe_test

import (
	"encoding/binary"
	"hash/crc64"
	"math"
	"math/rand/v2"
	"testing"

	"github.com/ksparse/ksparse"
	"github.com/ksparse/ksparse/probe"
)

// oneAnswer is the checksum of two probes' parameters. It is a golden value of our own, the same on every
// processor, and changes only with a new definition of a sum or function.
const oneAnswer = 0x4f13602f7bc2e22c

// TestOneAnswerEverywhere fits probes of two classes and of four to codes, and compares all bits.
func TestOneAnswerEverywhere(t *testing.T) {
	rng := rand.New(rand.NewPCG(20, 26))
	indices, values := make([][]int32, 150), make([][]float64, 150)
	for i := range indices {
		for j := rng.IntN(9); j < 70; j += 1 + rng.IntN(15) {
			indices[i], values[i] = append(indices[i], int32(j)), append(values[i], rng.Float64())
		}
	}
	codes, err := ksparse.NewCodes(70, indices, values)
	if err != nil {
		t.Fatal(err)
	}
	sum := crc64.New(crc64.MakeTable(crc64.ECMA))
	for _, classes := range []int{2, 4} {
		labels := make([]int, len(indices))
		for i := range labels {
			labels[i] = (rng.IntN(2) + int(indices[i][0])) % classes
		}
		m, err := probe.Fit(t.Context(), codes, labels, probe.Options{L2: 0.25})
		if err != nil {
			t.Fatal(err)
		}
		for _, v := range append(m.Weights().RawMatrix().Data, m.Intercepts()...) {
			sum.Write(binary.LittleEndian.AppendUint64(nil, math.Float64bits(v)))
		}
	}
	if got := sum.Sum64(); got != oneAnswer {
		t.Errorf("the checksum is %#x, want %#x: the answer depends on the machine, or its definition has changed", got, uint64(oneAnswer))
	}
}
