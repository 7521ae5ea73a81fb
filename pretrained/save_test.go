package pretrained_test

import (
	"errors"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"gonum.org/v1/gonum/mat"

	"github.com/ksparse/ksparse"
	"github.com/ksparse/ksparse/pretrained"
)

var written = []pretrained.Format{pretrained.SAELens, pretrained.Sparsify, pretrained.SentenceTransformers, pretrained.Native}

// expressible says in which formats a fixture can be saved, by what its model is.
// Native takes all.
func expressible(m *pretrained.Model) []pretrained.Format {
	cfg, err := m.Config()
	if err != nil {
		panic(err)
	}
	out := []pretrained.Format{pretrained.Native}
	decodes, square := m.Info.Outputs > 0, m.Info.Outputs == m.Info.Inputs
	switch m.Info.Selection {
	case "topk":
		if cfg.Activation != ksparse.ReLU {
			break
		}
		if decodes && !m.Info.Skip && cfg.Normalization != ksparse.DatasetScale {
			out = append(out, pretrained.SAELens)
		}
		if cfg.Normalization == ksparse.NoNormalization && (square || !decodes) {
			out = append(out, pretrained.Sparsify)
		}
		if m.Info.Tied {
			out = append(out, pretrained.SentenceTransformers)
		}
	case "group_max":
		out = append(out, pretrained.Sparsify)
	case "relu", "threshold", "batch_topk", "gated":
		out = append(out, pretrained.SAELens)
	}
	return out
}

// TestRoundTrip: open, save as, open again: the same bits of weights and codes, or an
// error where the format cannot express the model.
func TestRoundTrip(t *testing.T) {
	for _, f := range fixtures(t) {
		m := f.open(t)
		can := expressible(m)
		for _, format := range written {
			t.Run(f.name()+"/"+string(format), func(t *testing.T) {
				path := filepath.Join(t.TempDir(), "saved")
				err := m.SaveAs(path, format, pretrained.SaveOptions{})
				possible := slices.Contains(can, format)
				switch {
				case f.options().Unset && format != pretrained.Native:
					if !errors.Is(err, ksparse.ErrUnset) {
						t.Errorf("saving a model without its threshold: %v", err)
					}
					return
				case !possible || !exact32(t, m) && format != pretrained.SAELens && format != pretrained.Native:
					if !errors.Is(err, pretrained.ErrLossy) {
						t.Errorf("got %v, want an error that wraps ErrLossy", err)
					}
					if left, _ := os.ReadDir(filepath.Dir(path)); len(left) > 0 {
						t.Errorf("%v is left behind", left)
					}
					return
				case err != nil:
					t.Fatal(err)
				}
				again, err := pretrained.Open(path, pretrained.Options{Unset: f.options().Unset})
				if err != nil {
					t.Fatal(err)
				}
				sameModel(t, again, m, rows(f.Input), f.options().Unset)
				if format == pretrained.Native || format == pretrained.SAELens {
					if again.Info.ModelName != m.Info.ModelName || again.Info.HookName != m.Info.HookName || again.Info.Reshape != m.Info.Reshape ||
						again.Info.Transcoder != m.Info.Transcoder && m.Info.Selection != "topk" {
						t.Errorf("trained on %q, %q; was %q, %q", again.Info.ModelName, again.Info.HookName, m.Info.ModelName, m.Info.HookName)
					}
				}
			})
		}
	}
}

// exact32 reports whether float32 holds all numbers of the model.
func exact32(t *testing.T, m *pretrained.Model) bool {
	t.Helper()
	cfg, err := m.Config()
	if err != nil {
		t.Fatal(err)
	}
	for _, numbers := range [][]float64{cfg.Encoder.Float64, cfg.Decoder.Float64, cfg.EncoderBias, cfg.DecoderBias, cfg.Thresholds} {
		for _, v := range numbers {
			if float64(float32(v)) != v {
				return false
			}
		}
	}
	return true
}

// sameModel compares the bits of weights, codes and outputs.
func sameModel(t *testing.T, got, want *pretrained.Model, x mat.Matrix, whole bool) {
	t.Helper()
	g, err := got.Config()
	if err != nil {
		t.Fatal(err)
	}
	w, err := want.Config()
	if err != nil {
		t.Fatal(err)
	}
	if w.Decoder.Empty() && w.DecoderBias == nil {
		g.DecoderBias = nil
	}
	sameMatrix(t, "encoder", g.Encoder, w.Encoder)
	sameMatrix(t, "decoder", g.Decoder, w.Decoder)
	sameMatrix(t, "skip", g.Skip, w.Skip)
	for _, v := range []struct {
		name      string
		got, want []float64
	}{{"encoder biases", g.EncoderBias, w.EncoderBias}, {"decoder biases", g.DecoderBias, w.DecoderBias}} {
		sameBits(t, v.name, v.got, v.want)
	}
	if whole {
		return
	}
	a, b := codesOf(t, got, x, false), codesOf(t, want, x, false)
	sameBits(t, "codes", a.Dense().RawMatrix().Data, b.Dense().RawMatrix().Data)
	if want.Info.Outputs == 0 {
		return
	}
	y, err := got.Predict(x)
	if err != nil {
		t.Fatal(err)
	}
	z, err := want.Predict(x)
	if err != nil {
		t.Fatal(err)
	}
	sameBits(t, "outputs", y.RawMatrix().Data, z.RawMatrix().Data)
}

// sameMatrix compares the bits of two matrices, in float64.
func sameMatrix(t *testing.T, what string, got, want ksparse.Weights) {
	t.Helper()
	if got.Rows != want.Rows || got.Cols != want.Cols {
		t.Errorf("%s is %d x %d, want %d x %d", what, got.Rows, got.Cols, want.Rows, want.Cols)
		return
	}
	sameBits(t, what, wide(got), wide(want))
}

// wide returns the numbers of m in float64.
func wide(m ksparse.Weights) []float64 {
	if m.Float32 == nil {
		return m.Float64
	}
	out := make([]float64, len(m.Float32))
	for i, v := range m.Float32 {
		out[i] = float64(v)
	}
	return out
}

// sameBits compares the bits of two vectors, -0 and 0 being the same.
func sameBits(t *testing.T, what string, got, want []float64) {
	t.Helper()
	if len(got) != len(want) {
		t.Errorf("%s: %d numbers, want %d", what, len(got), len(want))
		return
	}
	for i, v := range want {
		if math.Float64bits(got[i]+0) != math.Float64bits(v+0) { // -0 is 0
			t.Errorf("%s: number %d is %v, want %v", what, i, got[i], v)
			return
		}
	}
}

// TestSaveTrained saves a network that was made here: float64 weights, which the
// formats of float32 take only rounded.
func TestSaveTrained(t *testing.T) {
	n, err := ksparse.New(ksparse.Config{Classic: true, Inputs: 6, Latents: 20, K: 3, Activation: ksparse.ReLU, PreBias: true, Tied: true, Seed: 1})
	if err != nil {
		t.Fatal(err)
	}
	x := mat.NewDense(4, 6, nil)
	x.Apply(func(i, j int, _ float64) float64 { return math.Sin(float64(7*i + 3*j)) }, x)
	want, err := n.Predict(x)
	if err != nil {
		t.Fatal(err)
	}
	for _, format := range written {
		path := filepath.Join(t.TempDir(), "saved")
		round := format == pretrained.Sparsify || format == pretrained.SentenceTransformers
		if round {
			if err := pretrained.Save(path, format, n, pretrained.SaveOptions{}); !errors.Is(err, pretrained.ErrLossy) {
				t.Errorf("%s: %v, want ErrLossy", format, err)
			}
		}
		if err := pretrained.Save(path, format, n, pretrained.SaveOptions{Round: round, ModelName: "made", HookName: "here"}); err != nil {
			t.Fatal(err)
		}
		m, err := pretrained.Open(path, pretrained.Options{})
		if err != nil {
			t.Fatal(err)
		}
		got, err := m.Predict(x)
		if err != nil {
			t.Fatal(err)
		}
		if tolerance := 1e-6; round != !mat.Equal(got, want) || !mat.EqualApprox(got, want, tolerance) {
			t.Errorf("%s: outputs differ by more than rounding explains (%v)", format, round)
		}
		m.Widen()
		if _, err := m.Forward(x); err != nil {
			t.Errorf("%s: a widened model cannot be trained: %v", format, err)
		}
	}
}

// TestSaveOutputActivation: no format holds a decoder with another activation than
// Identity, so nothing is written, and the error names the activation.
func TestSaveOutputActivation(t *testing.T) {
	n, err := ksparse.New(ksparse.Config{Classic: true, Inputs: 6, Latents: 20, K: 3, Activation: ksparse.ReLU, OutputActivation: ksparse.Sigmoid})
	if err != nil {
		t.Fatal(err)
	}
	root := t.TempDir()
	for _, format := range append(written, pretrained.OpenAI) {
		err := pretrained.Save(filepath.Join(root, "x"), format, n, pretrained.SaveOptions{Round: true})
		if !errors.Is(err, ksparse.ErrShape) || !strings.Contains(err.Error(), `layer "decoder" has the activation `+ksparse.Sigmoid.String()) {
			t.Errorf("%s: %v", format, err)
		}
	}
	if left, _ := os.ReadDir(root); len(left) > 0 {
		t.Errorf("%v is left behind", left)
	}
}

// TestSaveWhere: a folder with something in it is not replaced, an empty one is, a
// file is, and a failure leaves nothing behind.
func TestSaveWhere(t *testing.T) {
	m := readFixture(t, "testdata/sparsify_topk_2025").open(t)
	root := t.TempDir()
	full := filepath.Join(root, "full")
	if err := m.SaveAs(full, pretrained.Sparsify, pretrained.SaveOptions{}); err != nil {
		t.Fatal(err)
	}
	if err := m.SaveAs(full, pretrained.Sparsify, pretrained.SaveOptions{}); !errors.Is(err, fs.ErrExist) {
		t.Errorf("a full folder: %v", err)
	}
	empty := filepath.Join(root, "empty")
	if err := os.Mkdir(empty, 0o777); err != nil {
		t.Fatal(err)
	}
	if err := m.SaveAs(empty, pretrained.SAELens, pretrained.SaveOptions{}); err != nil {
		t.Errorf("an empty folder: %v", err)
	}
	for range 2 {
		if err := m.SaveAs(filepath.Join(root, "model.safetensors"), pretrained.Native, pretrained.SaveOptions{}); err != nil {
			t.Errorf("a file: %v", err)
		}
	}
	if err := m.SaveAs(full, pretrained.Native, pretrained.SaveOptions{}); !errors.Is(err, fs.ErrExist) {
		t.Errorf("a file in the place of a folder: %v", err)
	}
	file := filepath.Join(root, "model.safetensors")
	if err := m.SaveAs(file, pretrained.SAELens, pretrained.SaveOptions{}); !errors.Is(err, fs.ErrExist) {
		t.Errorf("a folder in the place of a file: %v", err)
	}
	mustOpen(t, file, pretrained.Options{}) // it is still there
	for _, format := range []pretrained.Format{pretrained.Sparsify, pretrained.Native} {
		err := m.SaveAs(filepath.Join(root, "new", "model"), format, pretrained.SaveOptions{})
		if !errors.Is(err, fs.ErrNotExist) || !strings.Contains(err.Error(), filepath.Join(root, "new")) {
			t.Errorf("%s: no folder above: %v", format, err)
		}
	}
	if err := m.SaveAs(filepath.Join(root, "x"), pretrained.OpenAI, pretrained.SaveOptions{}); !errors.Is(err, pretrained.ErrLossy) {
		t.Errorf("a format that is not written: %v", err)
	}
	spoilt := readFixture(t, "testdata/sparsify_topk_2025").open(t)
	spoilt.Widen()
	spoilt.Layers()[0].Weights().Set(3, 2, math.NaN())
	if err := spoilt.SaveAs(filepath.Join(root, "x"), pretrained.Native, pretrained.SaveOptions{}); !errors.Is(err, ksparse.ErrNotFinite) || !strings.Contains(err.Error(), "row 3, column 2") {
		t.Errorf("weights that are NaN: %v", err)
	}
	left, err := os.ReadDir(root)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range left {
		if strings.HasPrefix(e.Name(), ".") || e.Name() == "x" {
			t.Errorf("%s is left behind", e.Name())
		}
	}
}
