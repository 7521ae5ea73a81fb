package format

import (
	"bytes"
	"encoding/binary"
	"hash/crc32"
	"math"
	"runtime"
	"runtime/metrics"
	"strings"
	"testing"

	"github.com/ksparse/ksparse/internal/matrix"
)

// testNames are names as the library has them.
var testNames = Names{
	Activations:    []string{"identity", "relu", "tanh", "gelu"},
	Selections:     []string{"topk", "abs_topk", "batch_topk", "threshold", "group_max"},
	Normalizations: []string{"none", "layer_norm", "unit_rms", "dataset_scale"},
}

const smallHeader = `{"layers":[{"kind":"sparse","name":"é<1>","in":2,"out":3,"k":7,"activation":"gelu"},` +
	`{"kind":"linear","name":"decoder","in":3,"out":1,"activation":"identity"}]}`

// smallParameters are those of the network in testdata/network_v1.ksp: a sparse
// layer's 3 x 2 weights and 3 biases, a linear layer's 3 x 1 weights and 1 bias.
var smallParameters = []float64{
	1, -2, 0.1, math.Copysign(0, -1), 5e-324, math.MaxFloat64,
	0, -0.5, math.Pi,
	-1e-310, 3, 1.0 / 3,
	-math.MaxFloat64,
}

// smallNetwork is the network in testdata/network_v1.ksp.
func smallNetwork() *Network {
	p := smallParameters
	return &Network{Layers: []Layer{
		{Sparse: true, Name: "é<1>", In: 2, Out: 3, K: 7, Activation: "gelu", Parameters: Parameters{Weights: matrix.Weights{Rows: 3, Cols: 2, Float64: p[:6]}, Biases: p[6:9]}},
		{Name: "decoder", In: 3, Out: 1, Activation: "identity", Parameters: Parameters{Weights: matrix.Weights{Rows: 3, Cols: 1, Float64: p[9:12]}, Biases: p[12:]}},
	}}
}

// assemble makes a network file as the package's documentation describes it, without
// any of the code that is tested, so a header may say what it likes.
func assemble(version byte, header string, parameters []byte) []byte {
	table := crc32.MakeTable(crc32.Castagnoli)
	b := append([]byte("\x89ksp\r\n\x1a\n"), version, 0, 0, 0)
	b = binary.LittleEndian.AppendUint32(b, uint32(len(header)))
	b = append(b, header...)
	sum := crc32.Checksum(b, table)
	b = binary.LittleEndian.AppendUint32(b, sum)
	b = append(b, parameters...)
	return binary.LittleEndian.AppendUint32(b, crc32.Update(sum, table, parameters))
}

func littleEndian(x ...float64) []byte {
	var b []byte
	for _, v := range x {
		b = binary.LittleEndian.AppendUint64(b, math.Float64bits(v))
	}
	return b
}

func littleEndian32(x ...float32) []byte {
	var b []byte
	for _, v := range x {
		b = binary.LittleEndian.AppendUint32(b, math.Float32bits(v))
	}
	return b
}

func smallFile() []byte { return assemble(1, smallHeader, littleEndian(smallParameters...)) }

func written(t testing.TB, n *Network) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := Write(&b, n); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// file is a file in testdata that a former state of this library wrote, with the
// network and the bytes that it should hold.
type file struct {
	name    string
	network *Network
	header  string
	version byte
	body    []byte
}

// files has files with everything that a version holds.
func files() []file {
	narrow := func(rows, cols int) matrix.Weights {
		w := matrix.Weights{Rows: rows, Cols: cols, Float32: make([]float32, rows*cols)}
		for i := range w.Float32 {
			w.Float32[i] = float32(i) - 2
		}
		return w
	}
	wide := matrix.Weights{Rows: 4, Cols: 2, Float64: []float64{1, -2, 3, 4, -5, 6, 0.1, 8}}
	eight, twelve, six := narrow(4, 2).Float32, narrow(4, 3).Float32, narrow(3, 2).Float32
	zeros := func(n int) []float64 { return make([]float64, n) }
	encoder := func(w matrix.Weights, k int, activation, selection string) Layer {
		return Layer{Sparse: true, Name: "encoder", In: 2, Out: 4, K: k, Activation: activation, Selection: selection, Parameters: Parameters{Weights: w, Biases: zeros(4)}}
	}
	decoder := func(w matrix.Weights) Layer {
		out := max(w.Cols, 2)
		return Layer{Name: "decoder", In: 4, Out: out, Activation: "identity", Tied: w.Empty(), Parameters: Parameters{Weights: w, Biases: zeros(out)}}
	}
	tied := matrix.Weights{}
	gated := encoder(narrow(4, 2), 0, "relu", "threshold")
	gated.Thresholds, gated.LogGain = []float64{math.Copysign(0, -1), math.Copysign(0, -1), math.Copysign(0, -1), math.Copysign(0, -1)}, zeros(4)
	learned := encoder(wide, 3, "identity", "threshold")
	learned.Thresholds = []float64{1, 2, 3, 4}
	join := func(parts ...[]byte) []byte { return bytes.Join(parts, nil) }
	return []file{
		{"network_v1.ksp", smallNetwork(), smallHeader, 1, littleEndian(smallParameters...)},
		{"network_v2_prebias.ksp", &Network{PreBias: true, Layers: []Layer{encoder(narrow(4, 2), 2, "identity", "group_max"), decoder(narrow(4, 2))}},
			`{"layers":[{"kind":"sparse","name":"encoder","in":2,"out":4,"k":2,"activation":"identity","selection":"group_max","dtype":"float32"},` +
				`{"kind":"linear","name":"decoder","in":4,"out":2,"activation":"identity","dtype":"float32"}],"pre_bias":true}`,
			2, join(littleEndian32(eight...), littleEndian(zeros(4)...), littleEndian32(eight...), littleEndian(0, 0))},
		{"network_v2_skip.ksp", &Network{Layers: []Layer{encoder(wide, 2, "identity", ""), decoder(narrow(4, 3))}, Skip: narrow(3, 2)},
			`{"layers":[{"kind":"sparse","name":"encoder","in":2,"out":4,"k":2,"activation":"identity"},` +
				`{"kind":"linear","name":"decoder","in":4,"out":3,"activation":"identity","dtype":"float32"}],"skip":"float32"}`,
			2, join(littleEndian(wide.Float64...), littleEndian(zeros(4)...), littleEndian32(twelve...), littleEndian(0, 0, 0), littleEndian32(six...))},
		{"network_v2_encoder.ksp", &Network{PreBias: true, NoDecoder: true, Normalization: "layer_norm", Layers: []Layer{encoder(narrow(4, 2), 1, "identity", "")}, Shift: zeros(2)},
			`{"layers":[{"kind":"sparse","name":"encoder","in":2,"out":4,"k":1,"activation":"identity","dtype":"float32"}],` +
				`"pre_bias":true,"normalization":"layer_norm","no_decoder":true}`,
			2, join(littleEndian32(eight...), littleEndian(zeros(6)...))},
		{"network_v2_gated.ksp", &Network{Normalization: "unit_rms", Undo: true, Layers: []Layer{gated, decoder(tied)}},
			`{"layers":[{"kind":"sparse","name":"encoder","in":2,"out":4,"k":0,"activation":"relu","selection":"threshold","thresholds":true,"gate":true,"dtype":"float32"},` +
				`{"kind":"linear","name":"decoder","in":4,"out":2,"activation":"identity","tied":true}],"normalization":"unit_rms","undo":true}`,
			2, join(littleEndian32(eight...), littleEndian(zeros(4)...), littleEndian(gated.Thresholds...), littleEndian(zeros(6)...))},
		{"network_v2_tied.ksp", &Network{Layers: []Layer{learned, decoder(tied)}},
			`{"layers":[{"kind":"sparse","name":"encoder","in":2,"out":4,"k":3,"activation":"identity","selection":"threshold","thresholds":true},` +
				`{"kind":"linear","name":"decoder","in":4,"out":2,"activation":"identity","tied":true}]}`,
			2, join(littleEndian(wide.Float64...), littleEndian(0, 0, 0, 0, 1, 2, 3, 4, 0, 0))},
	}
}

// largeNetwork has a layer of rows x cols weights.
func largeNetwork(rows, cols int) *Network {
	w := matrix.Weights{Rows: rows, Cols: cols, Float64: make([]float64, rows*cols)}
	for i := range w.Float64 {
		w.Float64[i] = math.Sin(float64(i))
	}
	return &Network{Layers: []Layer{{Name: "large", In: rows, Out: cols, Activation: "identity", Parameters: Parameters{Weights: w, Biases: make([]float64, cols)}}}}
}

// longNames has the longest header that there can be: layers of one unit each.
func longNames(layers int) *Network {
	n := &Network{Normalization: "dataset_scale", Scale: 1.0 / 3}
	for range layers {
		n.Layers = append(n.Layers, Layer{
			Sparse: true, Name: strings.Repeat("\x01", maxName), In: 1, Out: 1, K: math.MaxInt, Activation: "identity", Selection: "batch_topk",
			Parameters: Parameters{Weights: matrix.Weights{Rows: 1, Cols: 1, Float32: []float32{0}}, Biases: []float64{0}, Thresholds: []float64{1}},
		})
	}
	return n
}

// allocated returns how many bytes f allocates (or a little more).
func allocated(f func()) uint64 {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	f()
	runtime.ReadMemStats(&after)
	return after.TotalAlloc - before.TotalAlloc
}

// totalAllocated is what runtime.ReadMemStats would give but does not stop the
// world; small objects are counted late, large ones at once.
func totalAllocated() uint64 {
	s := []metrics.Sample{{Name: "/gc/heap/allocs:bytes"}}
	metrics.Read(s)
	return s[0].Value.Uint64()
}
