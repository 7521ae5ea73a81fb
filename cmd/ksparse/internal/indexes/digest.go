package indexes

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"hash"
	"math"

	"github.com/ksparse/ksparse"
)

// digest returns the SHA-256 of all that says which codes and outputs a network gives, whatever format it was read from: of what
// describes one sparse layer and its decoder, and of a deeper network the file.
func digest(n *ksparse.Network) (string, error) {
	sum := sha256.New()
	c, err := n.Config()
	if err != nil {
		err = n.Save(sum)
		return hex.EncodeToString(sum.Sum(nil)), err
	}
	k, thresholds := c.K, c.Thresholds
	switch c.Selection {
	case ksparse.SelectThreshold:
		k = 0
	case ksparse.SelectTopK, ksparse.SelectAbsTopK, ksparse.SelectGroupMax:
		thresholds = nil
	}
	fmt.Fprintln(sum, c.Inputs, c.Outputs, c.Latents, k, c.Activation, c.OutputActivation, c.Selection, c.PreBias, c.Normalization, c.Scale, c.NoUndo)
	for _, w := range []ksparse.Weights{c.Encoder, c.Decoder, c.Skip} {
		fmt.Fprintln(sum, w.Rows, w.Cols)
		add(sum, w.Float64)
		add(sum, w.Float32)
	}
	for _, v := range [][]float64{c.EncoderBias, c.DecoderBias, thresholds, c.GateBias, c.GateLogGain} {
		fmt.Fprintln(sum, len(v))
		add(sum, v)
	}
	return hex.EncodeToString(sum.Sum(nil)), nil
}

// add adds numbers to a sum, in float64.
func add[T float32 | float64](sum hash.Hash, numbers []T) {
	var b [8 << 10]byte
	for len(numbers) > 0 {
		n := min(len(numbers), len(b)/8)
		for i, v := range numbers[:n] {
			binary.LittleEndian.PutUint64(b[8*i:], math.Float64bits(float64(v)))
		}
		sum.Write(b[:8*n]) // cannot fail
		numbers = numbers[n:]
	}
}
