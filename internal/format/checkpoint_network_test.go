package format

import (
	"errors"
	"math"
	"reflect"
	"strings"
	"testing"

	"github.com/ksparse/ksparse/internal/fault"
	"github.com/ksparse/ksparse/internal/matrix"
)

// trained is a network as a training leaves it, and sections that hold its parameters,
// among others.
func trained() (*Network, []Section) {
	v := []float64{1, -2, 0.1, 0, 5e-324, 6, 7, 8, 9, 10, -11}
	n := &Network{PreBias: true, Normalization: "dataset_scale", Scale: 0.1, Undo: true, Modern: true, Layers: []Layer{
		{Sparse: true, Name: "é<1>", In: 2, Out: 3, K: 7, Activation: "relu", Selection: "batch_topk", Parameters: Parameters{Weights: matrix.Weights{Rows: 3, Cols: 2, Float64: v[:6]}, Biases: v[6:9], Thresholds: v[3:6]}},
		{Name: "decoder", In: 3, Out: 2, Activation: "identity", Tied: true, Parameters: Parameters{Biases: v[9:]}},
	}}
	return n, []Section{
		{Name: "counters", Counts: []int64{1, 2}}, {Name: "parameters 0", Floats: make([]float64, 6)},
		{Name: "average 0", Floats: v[:6]}, {Name: "average 1", Floats: v[6:9]}, {Name: "average 2", Floats: v[9:]}, {Name: "thresholds 0", Floats: v[3:6]},
		{Name: "slots", Floats: []float64{7}},
	}
}

// TestCheckpointNetwork: the network is made of the sections that it is left with, and the
// sections can be read afterwards.
func TestCheckpointNetwork(t *testing.T) {
	want, sections := trained()
	var file strings.Builder
	if err := WriteCheckpoint(&file, nil, want, "average", sections); err != nil {
		t.Fatal(err)
	}
	c, err := OpenCheckpoint(checkpointFile(t, []byte(file.String())))
	if err != nil {
		t.Fatal(err)
	}
	got, err := c.Network(testNames)
	if err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("the network is %+v, want %+v, error %v", got, want, err)
	}
	into := emptied(sections)
	if err := c.ReadInto(into); err != nil || !reflect.DeepEqual(into[6].Floats, sections[6].Floats) {
		t.Errorf("sections %+v, error %v", into, err)
	}
}

// TestCheckpointNetworkHostile: a file whose checksum fits gives an error where it does not
// hold what its network needs.
func TestCheckpointNetworkHostile(t *testing.T) {
	network, sections := trained()
	var file strings.Builder
	if err := WriteCheckpoint(&file, nil, network, "average", sections); err != nil {
		t.Fatal(err)
	}
	type header = checkpointHeader
	replaced := func(old, with string) func(h *header, n []byte) []byte {
		return func(h *header, n []byte) []byte {
			if !strings.Contains(string(h.Network), old) {
				t.Fatalf("no %s in %s", old, h.Network)
			}
			h.Network = []byte(strings.Replace(string(h.Network), old, with, 1))
			return n
		}
	}
	for _, c := range []struct {
		name   string
		change func(h *header, numbers []byte) []byte
		says   string
	}{
		{"no network", func(h *header, n []byte) []byte { h.Network = []byte("null"); return n }, "the checkpoint's network"},
		{"no layers", func(h *header, n []byte) []byte { h.Network = []byte(`{"layers":[]}`); return n }, "no layers"},
		{"a huge layer", replaced(`"out":3`, `"out":1073741824`), "the checkpoint's network"},
		{"other sections", func(h *header, n []byte) []byte { h.Left = "parameters"; return n }, `no section "parameters 1"`},
		{"none", func(h *header, n []byte) []byte { h.Left = ""; return n }, "no section"},
		{"counts", func(h *header, n []byte) []byte { h.Left = "counters"; return n }, "no section"},
		{"weights of its own", replaced(`,"tied":true`, ""), `no section "average 2" of 6 numbers`},
		{"no thresholds", func(h *header, n []byte) []byte { h.Sections[5].Name = "x"; return n }, "thresholds 0"},
		{"narrow", replaced(`"out":3,`, `"out":3,"dtype":"float32",`), "cannot be trained"},
		{"skip", replaced(`"pre_bias":true`, `"pre_bias":true,"skip":"float64"`), "cannot be trained"},
		{"a huge section", func(h *header, n []byte) []byte { h.Sections[1].Floats = math.MaxInt; return n }, "larger than the file"},
		{"huge counts", func(h *header, n []byte) []byte { h.Sections[1].Counts = math.MaxInt - 3; return n }, "larger than the file"},
		{"a negative section", func(h *header, n []byte) []byte { h.Sections[1].Floats = -6; return n }, "larger than the file"},
		{"numbers missing", func(_ *header, n []byte) []byte { return n[:len(n)-24] }, "larger than the file"},
		{"NaN", func(_ *header, n []byte) []byte { n[8*8+6], n[8*8+7] = 0xff, 0x7f; return n }, "holds NaN as weight 0"},
	} {
		opened, err := OpenCheckpoint(checkpointFile(t, resealed(t, []byte(file.String()), c.change)))
		if err != nil {
			t.Fatal(c.name, err)
		}
		if n, err := opened.Network(testNames); n != nil || !errors.Is(err, fault.ErrFormat) || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: error %v, want fault.ErrFormat with %q", c.name, err, c.says)
		}
	}
}
