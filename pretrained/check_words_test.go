package pretrained_test

import (
	"errors"
	"math"
	"strings"
	"testing"

	"gonum.org/v1/gonum/mat"

	"github.com/ksparse/ksparse"
	"github.com/ksparse/ksparse/pretrained"
)

// TestCheckNotReconstructed: findings say where no reconstruction was measured, and targets
// for a model without a decoder are an error.
func TestCheckNotReconstructed(t *testing.T) {
	m, x := dictionary(t, nil)
	if f, _ := checked(t, m, x); !f.Reconstructed {
		t.Errorf("an autoencoder: %+v", f)
	}
	fix := readFixture(t, "testdata/saelens_jumprelu_transcoder_v6")
	transcoder := fix.open(t)
	if f, _ := checked(t, transcoder, rows(fix.Input)); f.Reconstructed || f.FVU != nil {
		t.Errorf("a transcoder without targets: %+v", f)
	}
	if f, err := transcoder.CheckOutputs(rows(fix.Input), rows(fix.Reconstruction)); err != nil || !f.Reconstructed {
		t.Errorf("a transcoder with targets: %+v, %v", f, err)
	}
	net, err := ksparse.New(ksparse.Config{
		Classic: true,
		Encoder: ksparse.Weights{Rows: 2, Cols: 2, Float64: []float64{1, 0, 0, 1}}, K: 1, Activation: ksparse.ReLU,
	})
	if err != nil {
		t.Fatal(err)
	}
	encoder := &pretrained.Model{Network: net}
	x = mat.NewDense(3, 2, []float64{1, 2, 3, 4, 6, 5})
	if f, problems := checked(t, encoder, x); f.Reconstructed || problems != "" {
		t.Errorf("an encoder: %+v", f)
	}
	if _, err := encoder.CheckOutputs(x, x); !errors.Is(err, ksparse.ErrNoDecoder) || !strings.Contains(err.Error(), "has no decoder") {
		t.Errorf("targets for an encoder: %v", err)
	}
}

// TestCheckSaysTargets: what is said of targets does not speak of rows.
func TestCheckSaysTargets(t *testing.T) {
	m, x := few(t, 100)
	large, foreign, both := mat.DenseCopyOf(x), mat.DenseCopyOf(x), mat.DenseCopyOf(x)
	scaleRows(large, 2, 1000)
	scaleRows(foreign, 100, -1)
	scaleRows(both, 3, 1000)
	for _, c := range []struct {
		name    string
		x, y    mat.Matrix
		says    string
		but     string
		outlier int
	}{
		{"zero", x, mat.NewDense(100, m.Out(), nil), "the targets are all equal", "the rows", 0},
		{"foreign", x, foreign, "worse than the mean of the targets", "of the rows:", 0},
		{"outlying targets", x, large, "2 of 100 targets are outlying", "rows are", 2},
		{"outlying rows", large, x, "2 of 100 rows are outlying", "targets are", 2},
		{"both", both, large, "3 of 100 rows or their targets are outlying", "100 rows are", 3},
	} {
		f, err := m.CheckOutputs(c.x, c.y)
		if err != nil {
			t.Fatal(err)
		}
		if all := strings.Join(f.Problems, "\n"); !strings.Contains(all, c.says) || strings.Contains(all, c.but) || c.outlier > 0 && f.Outliers.Rows != c.outlier {
			t.Errorf("%s:\n%s", c.name, all)
		}
	}
	for _, v := range []float64{math.NaN(), math.Inf(1)} {
		bad := mat.DenseCopyOf(x)
		bad.Set(1, 2, v)
		for _, c := range []struct{ x, y mat.Matrix }{{x, bad}, {bad, nil}} {
			_, err := m.CheckOutputs(c.x, c.y)
			if !errors.Is(err, ksparse.ErrNotFinite) || strings.Contains(err.Error(), "ksparse:") || !strings.Contains(err.Error(), "s: the matrix holds ") {
				t.Errorf("%v: %v", v, err)
			}
		}
	}
}

// TestCheckEqualRowsAlone: one-hot rows of which a good model is good have no problem.
func TestCheckEqualRowsAlone(t *testing.T) {
	const d = 8
	eye := make([]float64, d*d)
	for i := range d {
		eye[i*d+i] = 1
	}
	net, err := ksparse.New(ksparse.Config{
		Classic: true,
		Encoder: ksparse.Weights{Rows: d, Cols: d, Float64: eye}, Tied: true, K: 1, Activation: ksparse.ReLU,
	})
	if err != nil {
		t.Fatal(err)
	}
	x := mat.NewDense(1000, d, nil)
	for i := range 1000 {
		x.Set(i, i*i%d, float64(1+i%4))
	}
	if f, problems := checked(t, &pretrained.Model{Network: net}, x); problems != "" || f.RepeatedRows < 900 {
		t.Errorf("%+v\n%s", f, problems)
	}
}
