package pretrained_test

import (
	"encoding/json"
	"errors"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"gonum.org/v1/gonum/mat"

	"github.com/ksparse/ksparse"
	"github.com/ksparse/ksparse/data"
	"github.com/ksparse/ksparse/pretrained"
)

// edited returns a copy of a fixture's folder with fields of its configuration
// changed; a nil removes one.
func edited(t *testing.T, name string, fields map[string]any) string {
	t.Helper()
	to := t.TempDir()
	if err := os.CopyFS(to, os.DirFS(filepath.Join("testdata", name))); err != nil {
		t.Fatal(err)
	}
	os.Remove(filepath.Join(to, "expected.json"))
	for _, config := range []string{"cfg.json", "config.json"} {
		path := filepath.Join(to, config)
		text, err := os.ReadFile(path)
		if err != nil {
			continue
		}
		var c map[string]any
		if err := json.Unmarshal(text, &c); err != nil {
			t.Fatal(err)
		}
		for key, v := range fields {
			at, last := c, key
			if outer, inner, ok := strings.Cut(key, "."); ok {
				if at, _ = c[outer].(map[string]any); at == nil {
					continue
				}
				last = inner
			}
			if at[last] = v; v == nil {
				delete(at, last)
			}
		}
		if text, err = json.Marshal(c); err != nil {
			t.Fatal(err)
		}
		if err := errors.Join(os.Chmod(path, 0o666), os.WriteFile(path, text, 0o666)); err != nil {
			t.Fatal(err)
		}
	}
	return to
}

// mustOpen opens a model that can be opened.
func mustOpen(t *testing.T, path string, o pretrained.Options) *pretrained.Model {
	t.Helper()
	m, err := pretrained.Open(path, o)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// mostActive returns the largest number of latents that are not zero in a row.
func mostActive(t *testing.T, m *pretrained.Model, x mat.Matrix) int {
	t.Helper()
	f, err := m.CheckOutputs(x, nil)
	if err != nil {
		t.Fatal(err)
	}
	return f.MostL0
}

// TestLoaderFaults has the mistakes that users reported of other loaders, and that
// this one must not make. Numbers without a name are issues of SAELens.
func TestLoaderFaults(t *testing.T) {
	for _, c := range []struct {
		name string
		test func(*testing.T)
	}{
		{"TopK as ReLU (#308); as ReLU in the old form (#553, #554)", topKIsNotReLU},
		{"threshold of BatchTopK dropped, later a load error (#608, dictionary_learning#47)", thresholdOfBatchTopK},
		{"threshold never learned is not ReLU", thresholdNeverLearned},
		{"the caller's threshold is in the units of the rows", callersThreshold},
		{"signed codes pass for zero (#736, SAEBench#89)", signedCodes},
		{"average-norm scale not stored (#222, #381), folded in part (#212, #354)", averageNormScale},
		{"layer norm of OpenAI's TopK, none for its ReLU (openai#19) nor for sparsify (sparsify#34)", layerNormWhereItBelongs},
		{"decoder norms folded only where the flag asks (#463, #735), zero rows (#705)", decoderNorms},
		{"an unused extra tensor refused (#95), b_dec [1,d] (#575)", unusedTensor},
		{"W_dec of sparsify transposed, num_latents 0 for n", sparsifyShapes},
		{"another number format than the file's (sparsify#115, #728), twice the memory (#603)", numberFormats},
		{"an old or unknown key stops the load (sparsify#25)", unknownKey},
		{"listing trips on .huggingface (sparsify#7) and .cache", dotFolders},
		{"b_dec subtracted in transcoders (sparsify#49)", transcoderBias},
		{"right file, wrong place (sparsify#74)", wrongPlace},
		{"codes depend on the batch (BatchTopK#5)", codesOfARow},
		{"float k (#547)", fractionalK},
		{"rows of hook_z (#570)", hookZ},
		{"k of the file is not that of the configuration", twoK},
	} {
		t.Run(c.name, c.test)
	}
}

// topKIsNotReLU: at most k latents are active, however the configuration says topk.
func topKIsNotReLU(t *testing.T) {
	for _, name := range []string{"saelens_topk_v6", "saelens_topk_v5", "saelens_topk_v4_named_standard", "dictlearn_topk_2024"} {
		f := readFixture(t, "testdata/"+name)
		if m := f.open(t); float64(mostActive(t, m, rows(f.Input))) > *f.Model.K || m.Info.Selection != "topk" {
			t.Errorf("%s: more than k latents are active (%s)", name, m.Info.Selection)
		}
	}
	_, err := pretrained.Open(edited(t, "saelens_topk_v5", map[string]any{"activation_fn_kwargs": map[string]any{}}), pretrained.Options{})
	if err == nil || !strings.Contains(err.Error(), "activation_fn_kwargs has no k") {
		t.Errorf("topk without k: %v", err)
	}
	_, err = pretrained.Open(edited(t, "saelens_topk_v5", map[string]any{"activation_fn_str": "tanh-relu"}), pretrained.Options{})
	if err == nil || !strings.Contains(err.Error(), "tanh-relu") {
		t.Errorf("tanh-relu: %v", err)
	}
}

// thresholdOfBatchTopK: the threshold of the file is the network's.
func thresholdOfBatchTopK(t *testing.T) {
	f := readFixture(t, "testdata/dictlearn_batchtopk")
	m := f.open(t)
	if th := m.Info.Thresholds; len(th) != 2 || th[0] != f.Model.Threshold.(float64) {
		t.Errorf("thresholds %v, want %v", th, f.Model.Threshold)
	}
}

// thresholdNeverLearned: such a model wants a threshold, or is opened with Unset and calibrated.
func thresholdNeverLearned(t *testing.T) {
	const folder = "testdata/bad_configs/dictlearn_batchtopk_threshold_unset"
	if _, err := pretrained.Open(folder, pretrained.Options{}); !errors.Is(err, ksparse.ErrUnset) {
		t.Errorf("got %v, want ErrUnset", err)
	}
	m := mustOpen(t, folder, pretrained.Options{Threshold: 0.5})
	if th := m.Info.Thresholds; len(th) != 2 || th[0] != 0.5 {
		t.Errorf("thresholds %v, want the caller's 0.5", th)
	}
	m = mustOpen(t, folder, pretrained.Options{Unset: true})
	x := mat.NewDense(20, m.In(), nil)
	x.Apply(func(i, j int, _ float64) float64 { return math.Sin(float64(5*i + 7*j)) }, x)
	if _, err := m.Encode(x); !errors.Is(err, ksparse.ErrUnset) {
		t.Errorf("encoding: %v, want ErrUnset", err)
	}
	if _, err := m.Calibrate(sourceOf(t, x), 2); err != nil {
		t.Fatal(err)
	}
	if c := codesOf(t, m, x, false); c.L0() != 2 {
		t.Errorf("L0 is %v after calibrating for 2", c.L0())
	}
}

// callersThreshold: only the thresholds of the file are multiplied by its norm_factor.
func callersThreshold(t *testing.T) {
	folder := edited(t, "dictlearn_topk_backup", map[string]any{"trainer.dict_class": "BatchTopKSAE"})
	m := mustOpen(t, folder, pretrained.Options{})
	if th := m.Info.Thresholds; len(th) != 2 || math.Abs(th[0]-2.175) > 1e-6 {
		t.Errorf("thresholds %v, want 2.175: the file's times its norm_factor", th)
	}
	const note = "the threshold 7 that was given is not used"
	if m = mustOpen(t, folder, pretrained.Options{Threshold: 7}); !strings.Contains(strings.Join(m.Info.Notes, "\n"), note) {
		t.Errorf("notes %v, want one of %q", m.Info.Notes, note)
	}
}

// signedCodes: codes below zero are there, and count as active.
func signedCodes(t *testing.T) {
	f := readFixture(t, "testdata/sparsify_signed_2024")
	m := f.open(t)
	negative := false
	for _, r := range f.Code {
		for _, v := range r {
			negative = negative || v < 0
		}
	}
	if !negative || float64(mostActive(t, m, rows(f.Input))) != *f.Model.K {
		t.Error("negative codes are lost")
	}
}

// averageNormScale: the scale must be given, and does what folding it into the weights does.
func averageNormScale(t *testing.T) {
	f := readFixture(t, "testdata/saelens_standard_v6_expected_average_only_in")
	if _, err := pretrained.Open(f.folder, pretrained.Options{}); !errors.Is(err, ksparse.ErrUnset) || !strings.Contains(err.Error(), "Options.Scale") {
		t.Errorf("got %v, want ErrUnset", err)
	}
	const s = 1.75
	m, plain := mustOpen(t, f.folder, pretrained.Options{Scale: s}), f.open(t)
	cfg, err := plain.Config()
	if err != nil {
		t.Fatal(err)
	}
	cfg.Encoder, cfg.Decoder = ksparse.Weights{Rows: cfg.Encoder.Rows, Cols: cfg.Encoder.Cols, Float64: times(wide(cfg.Encoder), s)},
		ksparse.Weights{Rows: cfg.Decoder.Rows, Cols: cfg.Decoder.Cols, Float64: times(wide(cfg.Decoder), 1/s)}
	cfg.DecoderBias = times(cfg.DecoderBias, 1/s)
	folded, err := ksparse.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	want, err := folded.Predict(rows(f.Input))
	if err != nil {
		t.Fatal(err)
	}
	got, err := m.Predict(rows(f.Input))
	if err != nil {
		t.Fatal(err)
	}
	if !mat.EqualApprox(got, want, 1e-12) {
		t.Error("a scale does not do what folding it into W_enc, W_dec and b_dec does")
	}
	m = mustOpen(t, f.folder, pretrained.Options{Unset: true})
	if _, err := m.Encode(rows(f.Input)); !errors.Is(err, ksparse.ErrUnset) {
		t.Errorf("encoding without a scale: %v", err)
	}
	if err := m.StartFrom(sourceOf(t, rows(f.Input)), ksparse.Start{}); err != nil {
		t.Errorf("finding the scale: %v", err)
	}
}

// layerNormWhereItBelongs: by the format and the activation.
func layerNormWhereItBelongs(t *testing.T) {
	for name, want := range map[string]string{"openai_topk_v5": "layer_norm", "openai_relu_v1": "none", "sparsify_topk_2025": "none"} {
		if got := mustOpen(t, "testdata/"+name, pretrained.Options{}).Info.Normalization; got != want {
			t.Errorf("%s: normalization %s, want %s", name, got, want)
		}
	}
}

// decoderNorms: they are folded into the encoder where the configuration asks for it.
func decoderNorms(t *testing.T) {
	f := readFixture(t, "testdata/saelens_topk_v6_rescale")
	on := f.open(t)
	off := mustOpen(t, edited(t, f.name(), map[string]any{"rescale_acts_by_decoder_norm": false}), pretrained.Options{})
	if mat.Equal(codesOf(t, on, rows(f.Input), false), codesOf(t, off, rows(f.Input), false)) {
		t.Error("the flag changes nothing")
	}
	if on.Info.Kept != "float64" || off.Info.Kept != "float32" {
		t.Errorf("kept as %s with the flag, as %s without", on.Info.Kept, off.Info.Kept)
	}
	readFixture(t, "testdata/more/saelens_topk_rescale_zero_row").open(t) // and TestFixtures
}

// unusedTensor: a scaling_factor of ones is ignored.
func unusedTensor(t *testing.T) {
	m := readFixture(t, "testdata/saelens_standard_v2").open(t)
	if len(m.Info.IgnoredTensors) != 1 || m.Info.IgnoredTensors[0] != "scaling_factor" {
		t.Errorf("ignored %v", m.Info.IgnoredTensors)
	}
	readFixture(t, "testdata/more/saelens_gated_v5").open(t) // has b_dec [1,6]
}

// sparsifyShapes: num_latents of 0 leaves the number to the tensors.
func sparsifyShapes(t *testing.T) {
	if m := readFixture(t, "testdata/sparsify_topk_2025").open(t); m.Info.Latents != 32 {
		t.Errorf("%d latents", m.Info.Latents)
	}
}

// numberFormats: weights are kept in float32 where that is exact.
func numberFormats(t *testing.T) {
	for name, want := range map[string][2]string{
		"saelens_topk_v6_bf16": {"BF16", "float32"}, "more/sparsify_seeds": {"F64", "float64"}, "sparsify_topk_2025": {"F32", "float32"}, "more/saelens_standard_f16": {"F16", "float32"},
	} {
		m := readFixture(t, "testdata/"+name).open(t)
		if got := [2]string{m.Info.NumberFormat, m.Info.Kept}; got != want {
			t.Errorf("%s: %v, want %v", name, got, want)
		}
	}
}

// unknownKey: fields that no result depends on are listed, and those of other ages are
// known.
func unknownKey(t *testing.T) {
	m := mustOpen(t, edited(t, "sparsify_topk_2025", map[string]any{"gram_table_hash": "7", "signed": false}), pretrained.Options{})
	if got := strings.Join(m.Info.Ignored, ","); got != "expansion_factor,gram_table_hash,multi_topk,normalize_decoder" {
		t.Errorf("ignored %v", got)
	}
}

// dotFolders: folders whose names begin with a dot hold no models.
func dotFolders(t *testing.T) {
	root := t.TempDir()
	if err := os.CopyFS(root, os.DirFS("testdata/sparsify_run_folder_bf16")); err != nil {
		t.Fatal(err)
	}
	for _, dot := range []string{".huggingface", ".cache/x"} {
		if err := os.CopyFS(filepath.Join(root, dot, "layers.7"), os.DirFS("testdata/sparsify_topk_2025")); err != nil {
			t.Fatal(err)
		}
	}
	_, err := pretrained.Open(root, pretrained.Options{})
	if !errors.Is(err, pretrained.ErrSeveral) || !strings.Contains(err.Error(), `2 models`) || !strings.Contains(err.Error(), `"layers.0", "layers.1.mlp"`) {
		t.Errorf("got %v", err)
	}
}

// transcoderBias: a transcoder subtracts nothing from its rows.
func transcoderBias(t *testing.T) {
	if m := readFixture(t, "testdata/sparsify_transcoder_skip").open(t); m.Wiring().PreBias || !m.Info.Transcoder {
		t.Error("a transcoder subtracts b_dec")
	}
	// Those before the field was there did.
	m := mustOpen(t, edited(t, "sparsify_transcoder_skip", map[string]any{"transcode": nil, "activation": nil}), pretrained.Options{})
	if !m.Wiring().PreBias || m.Info.Version != "since November 2024" {
		t.Errorf("%+v", m.Info)
	}
}

// wrongPlace: Check finds that the rows are not those of the model.
func wrongPlace(t *testing.T) {
	f := readFixture(t, "testdata/sparsify_topk_2025")
	x := rows(f.Input)
	x.Apply(func(_, _ int, v float64) float64 { return math.Tanh(v) * 0.01 }, x)
	found, err := f.open(t).Check(x)
	if err != nil {
		t.Fatal(err)
	}
	if all := strings.Join(found.Problems, "\n"); !strings.Contains(all, "worse than the mean") {
		t.Errorf("problems: %s (%+v)", all, found)
	}
}

// codesOfARow: they do not depend on the other rows.
func codesOfARow(t *testing.T) {
	f := readFixture(t, "testdata/matryoshka_repo_global")
	m, x := f.open(t), rows(f.Input)
	all := codesOf(t, m, x, false)
	for i := range f.Input {
		alone := codesOf(t, m, x.Slice(i, i+1, 0, m.In()), false)
		if !mat.Equal(alone, all.Dense().Slice(i, i+1, 0, m.Info.Latents)) {
			t.Errorf("row %d has another code alone", i)
		}
	}
}

// fractionalK: Info keeps a k that is no integer.
func fractionalK(t *testing.T) {
	if k := readFixture(t, "testdata/more/saelens_matryoshka_checkpoint").open(t).Info.K; k != 2.5 {
		t.Errorf("k is %v", k)
	}
}

// hookZ: Info says that rows are those of several heads.
func hookZ(t *testing.T) {
	if m := readFixture(t, "testdata/saelens_topk_v6_hook_z").open(t); m.Info.Reshape != "hook_z" {
		t.Error("nothing is said about hook_z")
	}
}

// twoK: a k of the file and another of the configuration are an error.
func twoK(t *testing.T) {
	_, err := pretrained.Open(edited(t, "dictlearn_topk", map[string]any{"trainer.k": 5}), pretrained.Options{})
	if err == nil || !strings.Contains(err.Error(), "trainer: k is 5, the tensor k says 4") {
		t.Errorf("got %v", err)
	}
}

// times returns v times factor.
func times(v []float64, factor float64) []float64 {
	out := make([]float64, len(v))
	for i := range v {
		out[i] = v[i] * factor
	}
	return out
}

// sourceOf returns the rows of x as a source.
func sourceOf(t *testing.T, x mat.Matrix) data.Source {
	t.Helper()
	src, err := data.FromMatrix(x)
	if err != nil {
		t.Fatal(err)
	}
	return src
}
