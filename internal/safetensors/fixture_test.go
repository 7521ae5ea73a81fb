package safetensors_test

import (
	"bytes"
	"math"
	"path/filepath"
	"slices"
	"testing"

	"github.com/ksparse/ksparse/internal/safetensors"
	"github.com/ksparse/ksparse/internal/tensor/tensortest"
)

func TestFixtures(t *testing.T) {
	for _, fixture := range tensortest.Fixtures(t, ".safetensors") {
		t.Run(fixture.Path, func(t *testing.T) {
			f, err := safetensors.Open(fixture.Path)
			if err != nil {
				t.Fatal(err)
			}
			defer f.Close()
			want := fixture.Tensors
			if filepath.Base(fixture.Path) == "no_tensors.safetensors" {
				want = nil
			}
			if got := f.Names(); len(got) != len(want) || !slices.IsSorted(got) {
				t.Errorf("tensors %q, want %d, sorted", got, len(want))
			}
			for name, w := range want {
				got, err := f.Tensor(name)
				if err != nil {
					t.Error(err)
					continue
				}
				tensortest.Check(t, got, w)
			}
		})
	}
}

func TestMetadata(t *testing.T) {
	for file, want := range map[string]map[string]string{
		"container_safetensors/reference.safetensors":                     {"format": "pt", "note": "κ, \"quoted\""},
		"container_safetensors/no_tensors.safetensors":                    {"format": "pt"},
		"container_safetensors/by_name.safetensors":                       nil,
		"csr_sentence_transformers/3_SparseAutoEncoder/model.safetensors": {"encoder.weight": "decoder.linear.weight"},
		"saelens_topk_v6/sae_weights.safetensors":                         nil,
	} {
		f, err := safetensors.Open("../../pretrained/testdata/" + file)
		if err != nil {
			t.Error(err)
			continue
		}
		got := f.Metadata()
		f.Close()
		if len(got) != len(want) || (got == nil) != (want == nil) {
			t.Errorf("%s: metadata %q, want %q", file, got, want)
		}
		for key := range want {
			if got[key] != want[key] {
				t.Errorf("%s: metadata %q is %q, want %q", file, key, got[key], want[key])
			}
		}
	}
}

// TestBad opens the files that must be refused. Two of them are well-formed; that
// their values make no model is for the caller to find.
func TestBad(t *testing.T) {
	finite := map[string]bool{"nan/sae.safetensors": true, "inf/sae.safetensors": true}
	for _, bad := range tensortest.Manifest(t, "testdata/bad") {
		path := filepath.Join("testdata/bad", bad.File)
		switch {
		case bad.Must == "no test":
		case finite[bad.File]:
			f, err := safetensors.Open(path)
			if err != nil {
				t.Errorf("%s: %v", bad.File, err)
				continue
			}
			strange := 0
			for _, name := range f.Names() {
				tensor, err := f.Tensor(name)
				if err != nil {
					t.Error(err)
					continue
				}
				values, err := tensor.Float64s()
				if err != nil {
					t.Error(err)
				}
				for _, v := range values {
					if math.IsNaN(v) || math.IsInf(v, 0) {
						strange++
					}
				}
			}
			f.Close()
			if strange != 1 {
				t.Errorf("%s (%s): %d values are not finite, want 1", bad.File, bad.Why, strange)
			}
		case bad.Must == "error":
			data := tensortest.ReadFile(t, path)
			var err error
			taken := tensortest.Allocated(func() { _, err = safetensors.Read(bytes.NewReader(data), int64(len(data))) })
			if err == nil {
				t.Errorf("%s (%s) was opened", bad.File, bad.Why)
			}
			t.Logf("%s: %v (%d bytes)", bad.File, err, taken)
			if taken > 64<<10 {
				t.Errorf("%s: %d bytes allocated", bad.File, taken)
			}
		default:
			t.Errorf("%s must %q, of which this test knows nothing", bad.File, bad.Must)
		}
	}
}
