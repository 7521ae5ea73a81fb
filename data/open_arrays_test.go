package data_test

import (
	"archive/zip"
	"testing"

	"github.com/ksparse/ksparse/data"
)

// TestOpenNpyFiles: arrays of two dimensions and more.
func TestOpenNpyFiles(t *testing.T) {
	for _, c := range []struct {
		name, descr, shape string
		elements           any
		want               string
		cols               int
	}{
		{"x.npy", "<f4", "(3, 2)", []float32{1, 2, 3, 4, 5, 96}, "1 NumPy file, float32, 3 x 2", 2},
		{"x.data", "<f8", "(2, 3)", []float64{1, 2, 3, 4, 5, 96}, "1 NumPy file, float64, 2 x 3", 3},
		{"x.npy", "<f2", "(3, 1, 2)", []uint16{0x3c00, 0x4000, 0x4200, 0x4400, 0x4500, 0x5600}, "1 NumPy file, [.., 1, 2] float16, 3 x 2", 2},
		{"x.npy", "|u1", "(1, 2, 3)", []uint8{1, 2, 3, 4, 5, 96}, "1 NumPy file, [.., 2, 3] uint8, 2 x 3", 3},
		{"x.npy", "|i1", "(6, 1)", []int8{1, 2, 3, 4, 5, 96}, "1 NumPy file, int8, 6 x 1", 1},
		{"blocks.0.hook_z.npy", "<f4", "(1, 2, 3)", []float32{1, 2, 3, 4, 5, 96}, "1 NumPy file, [.., 2, 3] float32, 1 x 6", 6},
		{"hook_z.npy", "<f4", "(3, 2)", []float32{1, 2, 3, 4, 5, 96}, "1 NumPy file, float32, 3 x 2", 2},
		{"hook_z.npy", "<f4", "(3, 1, 1, 2)", []float32{1, 2, 3, 4, 5, 96}, "1 NumPy file, [.., 1, 1, 2] float32, 3 x 2", 2},
	} {
		f := open(t, data.Options{}, fileNamed(t, c.name, npyBytes(c.descr, c.shape, c.elements)))
		wantString(t, f, c.want)
		wantRows(t, c.want, f, c.cols, 1, 2, 3, 4, 5, 96)
	}
}

// TestOpenNpzFiles: stored and deflated, the array by its name or because it is the only one.
func TestOpenNpzFiles(t *testing.T) {
	x := npyBytes("<f4", "(2, 2)", []float32{1, 2, 3, 4})
	y := npyBytes("<f8", "(1, 2)", []float64{5, 6})
	mean := npyBytes("<f8", "(2,)", []float64{7, 8})
	for _, method := range []uint16{zip.Store, zip.Deflate} {
		two := fileNamed(t, "a.npz", npzBytes(t, method, "x", x, "y", y, "mean", mean))
		f := open(t, data.Options{Tensor: "y"}, two)
		wantString(t, f, `1 .npz file, tensor "y" float64, 1 x 2`)
		wantRows(t, "y", f, 2, 5, 6)
		one := fileNamed(t, "a.bin", npzBytes(t, method, "mean", mean, "x", x))
		wantRows(t, "the only one", open(t, data.Options{Cols: 2}, one), 2, 1, 2, 3, 4)
		wantError(t, "two of them", data.Options{}, two, errRange, `Options.Tensor must say which array the rows are in: "mean" [2] float64, "x" [2 2] float32, "y" [1 2] float64`)
		wantError(t, "another name", data.Options{Tensor: "z"}, two, errRange, `Options.Tensor is "z", want one of "mean"`)
		wantError(t, "one dimension", data.Options{Tensor: "mean"}, two, errShape, "shape [2]")
	}
}

// TestOpenSafetensorsTypes: every type, widened exactly. The bits are those of IEEE 754 and, for
// bfloat16, of the upper half of a float32.
func TestOpenSafetensorsTypes(t *testing.T) {
	for _, c := range []struct {
		dtype, name string
		elements    any
		want        [2]float64
	}{
		{"F64", "float64", []uint64{0x3ff0000000000001, 0xc000000000000000}, [2]float64{1 + 0x1p-52, -2}},
		{"F32", "float32", []uint32{0x3f800001, 0x00000001}, [2]float64{1 + 0x1p-23, 0x1p-149}},
		{"F16", "float16", []uint16{0x0001, 0x7bff}, [2]float64{0x1p-24, 65504}},
		{"BF16", "bfloat16", []uint16{0x3f81, 0xff7f}, [2]float64{1 + 0x1p-7, -0x1.fep127}},
		{"I64", "int64", []int64{1 << 53, -1 << 53}, [2]float64{1 << 53, -1 << 53}},
		{"I32", "int32", []int32{-1 << 31, 1<<31 - 1}, [2]float64{-1 << 31, 1<<31 - 1}},
		{"I16", "int16", []int16{-32768, 32767}, [2]float64{-32768, 32767}},
		{"I8", "int8", []int8{-128, 127}, [2]float64{-128, 127}},
		{"U8", "uint8", []uint8{0, 255}, [2]float64{0, 255}},
		{"BOOL", "bool", []uint8{0, 1}, [2]float64{0, 1}},
	} {
		f := open(t, data.Options{}, fileNamed(t, "x.safetensors", oneTensor("a", c.dtype, "[1,2]", c.elements)))
		wantString(t, f, `1 safetensors file, tensor "a" `+c.name+`, 1 x 2`)
		wantRows(t, c.dtype, f, 2, c.want[0], c.want[1])
	}
}

// TestOpenSafetensorsShapes: more dimensions, heads that are joined, and the choice of a tensor.
func TestOpenSafetensorsShapes(t *testing.T) {
	numbers := []float32{1, 2, 3, 4, 5, 6, 7, 8}
	for _, c := range []struct {
		file, tensor, shape, want string
		cols                      int
	}{
		{"x.safetensors", "activations", "[2,2,2]", `1 safetensors file, tensor "activations" [.., 2, 2] float32, 4 x 2`, 2},
		{"x.safetensors", "blocks.3.attn.hook_z", "[2,2,2]", `1 safetensors file, tensor "blocks.3.attn.hook_z" [.., 2, 2] float32, 2 x 4`, 4},
		{"layer3.hook_z.safetensors", "activations", "[2,2,2]", `1 safetensors file, tensor "activations" [.., 2, 2] float32, 2 x 4`, 4},
		{"hook_z.safetensors", "a", "[1,2,2,2]", `1 safetensors file, tensor "a" [.., 2, 2, 2] float32, 2 x 4`, 4},
		{"x.safetensors", "hook_z", "[4,2]", `1 safetensors file, tensor "hook_z" float32, 4 x 2`, 2},
	} {
		f := open(t, data.Options{}, fileNamed(t, c.file, oneTensor(c.tensor, "F32", c.shape, numbers)))
		wantString(t, f, c.want)
		wantRows(t, c.want, f, c.cols, 1, 2, 3, 4, 5, 6, 7, 8)
	}

	two := fileNamed(t, "two.safetensors", safetensorsBytes(`{"__metadata__":{"by":"hand"},`+
		`"b":{"dtype":"F32","shape":[1,2],"data_offsets":[0,8]},"a":{"dtype":"I8","shape":[2,2],"data_offsets":[8,12]},`+
		`"n":{"dtype":"U8","shape":[],"data_offsets":[12,13]}}`, []float32{1, 2}, []int8{3, 4, 5, 6}, uint8(7)))
	wantRows(t, "a", open(t, data.Options{Tensor: "a"}, two), 2, 3, 4, 5, 6)
	wantRows(t, "b", open(t, data.Options{Tensor: "b"}, two), 2, 1, 2)
	wantError(t, "a scalar", data.Options{Tensor: "n"}, two, errShape, "shape []")
	wantError(t, "no choice", data.Options{}, two, errRange, `"a" [2 2] int8, "b" [1 2] float32, "n" [] uint8`)
	small := fileNamed(t, "f8.safetensors", oneTensor("x", "F8_E4M3", "[1,2]", []uint8{1, 2}))
	wantError(t, "8-bit floats", data.Options{}, small, errFormat, "F8_E4M3")
}
