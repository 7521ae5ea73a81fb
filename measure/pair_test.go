package measure_test

import (
	"errors"
	"math/rand/v2"
	"reflect"
	"strings"
	"testing"

	"github.com/ksparse/ksparse"
	"github.com/ksparse/ksparse/data"
	"github.com/ksparse/ksparse/measure"
	"gonum.org/v1/gonum/mat"
)

// pairOf returns the rows of x and y side by side. Those of x are read ahead, where ahead.
func pairOf(t *testing.T, x, y *mat.Dense, ahead bool) data.Source {
	t.Helper()
	var inputs data.Source = readable{x}
	if ahead {
		inputs = data.Prefetch(inputs)
	}
	targets, err := data.FromMatrix(y)
	if err != nil {
		t.Fatal(err)
	}
	src, err := data.Pair(inputs, targets)
	if err != nil {
		t.Fatal(err)
	}
	return src
}

// readable is the rows of a matrix by ReadRows alone.
type readable struct{ *mat.Dense }

func (r readable) ReadRows(dst []float64, lo, hi int) error {
	_, cols := r.Dims()
	copy(dst, r.RawMatrix().Data[lo*cols:hi*cols])
	return nil
}

// TestEvaluatePairs: the figures are those of the targets and the outputs, by their
// definitions, and the codes are those of the inputs; read ahead or not.
func TestEvaluatePairs(t *testing.T) {
	const rows, in, out = 2500, 10, 7
	rng := rand.New(rand.NewPCG(5, 6))
	x, y := normal(rng, rows, in), normal(rng, rows, out)
	y.Apply(func(i, j int, v float64) float64 { return 3 + v + 0.5*float64(j) + x.At(i, j) }, y)
	net, err := ksparse.New(ksparse.Config{Classic: true, Inputs: in, Outputs: out, Latents: 40, K: 5, Activation: ksparse.ReLU})
	if err != nil {
		t.Fatal(err)
	}
	outputs, err := net.Predict(x)
	if err != nil {
		t.Fatal(err)
	}
	codes, err := net.Encode(x)
	if err != nil {
		t.Fatal(err)
	}
	want := plainReport(y, outputs)
	want.Inputs, want.Latents, want.L0, want.Frequency, want.Dead = in, 40, codes.L0(), codes.Frequency(), never(codes.Frequency())
	got, err := measure.Evaluate(net, pairOf(t, x, y, false))
	if err != nil {
		t.Fatal(err)
	}
	compareReports(t, got, want, 1e-12)
	if fvu, err := ksparse.FVU(outputs, y); err != nil || fvu != got.FVU {
		t.Errorf("FVU(Predict(x), y) is %v, %v, Evaluate's is %v: not the same bits", fvu, err, got.FVU)
	}
	if ahead, err := measure.Evaluate(net, pairOf(t, x, y, true)); err != nil || !reflect.DeepEqual(ahead, got) {
		t.Errorf("read ahead the report is %+v, want %+v, error %v", ahead, got, err)
	}
	same := autoencoder(t, in, 40, 5, ksparse.ReLU)
	pairs, err := measure.Evaluate(same, pairOf(t, x, x, true))
	if alone := evaluate(t, same, x); err != nil || !reflect.DeepEqual(pairs, alone) {
		t.Errorf("of equal inputs and targets the report is %+v, want %+v, error %v", pairs, alone, err)
	}
}

func TestEvaluatePairErrors(t *testing.T) {
	x, y := normal(rand.New(rand.NewPCG(1, 1)), 30, 2), normal(rand.New(rand.NewPCG(2, 1)), 30, 3)
	transcoder := networkOf(t, ksparse.NewSparseLayer("s", 2, 4, 1, ksparse.ReLU), ksparse.NewLinearLayer("decoder", 4, 3, ksparse.Identity))
	equal := mat.NewDense(30, 3, nil)
	for _, c := range []struct {
		src  data.Source
		want error
		says string
	}{
		{pairOf(t, x, x, false), ksparse.ErrShape, "has 2 inputs and 2 targets, want 2 and 3"},
		{pairOf(t, x, equal, true), ksparse.ErrRange, "the variance of the targets of the source is zero"},
		{readable{x}, ksparse.ErrShape, "or a source that data.Pair made: this model gives 3 values for 2"},
	} {
		if r, err := measure.Evaluate(transcoder, c.src); r != nil || !errors.Is(err, c.want) || !strings.Contains(err.Error(), c.says) {
			t.Errorf("report %v, error %v, want %v that says %q", r, err, c.want, c.says)
		}
	}
	if _, err := measure.Evaluate(transcoder, pairOf(t, x, y, false)); err != nil {
		t.Error(err)
	}
}
