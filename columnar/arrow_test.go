package columnar_test

import (
	"fmt"
	"testing"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/ipc"
)

// before are columns of every layout of buffers, to stand before the one that is read.
func before() []arrow.Field {
	return []arrow.Field{
		{Name: "nothing", Type: arrow.Null},
		{Name: "text", Type: arrow.BinaryTypes.String},
		{Name: "view", Type: arrow.BinaryTypes.StringView},
		{Name: "flag", Type: arrow.FixedWidthTypes.Boolean},
		{Name: "number", Type: arrow.PrimitiveTypes.Float32},
		{Name: "pair", Type: arrow.StructOf(arrow.Field{Name: "a", Type: arrow.PrimitiveTypes.Int64, Nullable: true}, arrow.Field{Name: "b", Type: arrow.BinaryTypes.LargeString, Nullable: true})},
		{Name: "texts", Type: arrow.ListOf(arrow.BinaryTypes.StringView)},
	}
}

// beforeJSON are the values in these columns.
const beforeJSON = `"nothing":null,"text":"some","view":"a text of more than twelve bytes","flag":true,"number":0.5,"pair":{"a":1,"b":"c"},"texts":["x","another text that is long",null],`

// batches cuts rows into record batches, of which the second is empty.
func batches(rows, cols int, frame string) []string {
	cut := []int{0, rows / 3, rows / 3, rows/3 + 1, rows}
	var list []string
	for i := range len(cut) - 1 {
		list = append(list, rowsJSON(cut[i], cut[i+1], cols, frame))
	}
	return list
}

func TestArrowReadsEveryType(t *testing.T) {
	const rows, cols = 41, 6
	types := []arrow.DataType{
		arrow.PrimitiveTypes.Float32, arrow.FixedWidthTypes.Float16, arrow.PrimitiveTypes.Float64,
		arrow.PrimitiveTypes.Int8, arrow.PrimitiveTypes.Uint8, arrow.PrimitiveTypes.Int16, arrow.PrimitiveTypes.Uint16,
		arrow.PrimitiveTypes.Int32, arrow.PrimitiveTypes.Uint32, arrow.PrimitiveTypes.Int64, arrow.PrimitiveTypes.Uint64,
	}
	compressions := map[string][]ipc.Option{"plain": nil, "lz4": {ipc.WithLZ4()}, "zstd": {ipc.WithZstd()}}
	for _, typ := range types {
		for _, list := range []arrow.DataType{arrow.FixedSizeListOf(cols, typ), arrow.ListOf(typ), arrow.LargeListOf(typ)} {
			for how, options := range compressions {
				for _, asFile := range []bool{false, true} {
					s := columns(append(before(), arrow.Field{Name: "x", Type: list}, arrow.Field{Name: "after", Type: arrow.BinaryTypes.String})...)
					frame := "{" + beforeJSON + `"x":[%s],"after":"end"}`
					path := arrowFile(t, s, asFile, batches(rows, cols, frame), options...)
					check(t, fmt.Sprintf("%v %s, file %v", list, how, asFile), open(t, path, ""), rows, cols, value)
				}
			}
		}
	}
}

// TestArrowReadsListsInLists: as datasets keeps its Array2D, and pyarrow a tensor.
func TestArrowReadsListsInLists(t *testing.T) {
	const rows = 17
	f32 := arrow.PrimitiveTypes.Float32
	for _, c := range []struct {
		typ   arrow.DataType
		frame string
		cols  int
	}{
		{arrow.ListOf(arrow.ListOf(f32)), `{"x":[[%[1]s],[%[1]s],[%[1]s]]}`, 3},
		{arrow.FixedSizeListOf(2, arrow.ListOf(f32)), `{"x":[[%[1]s],[%[1]s]]}`, 2},
		{arrow.LargeListOf(arrow.FixedSizeListOf(5, f32)), `{"x":[[%[1]s],[%[1]s]]}`, 2},
		{arrow.FixedSizeListOf(2, arrow.FixedSizeListOf(5, f32)), `{"x":[[%[1]s],[%[1]s]]}`, 2},
	} {
		for _, options := range [][]ipc.Option{nil, {ipc.WithZstd()}} {
			path := arrowFile(t, columns(arrow.Field{Name: "x", Type: c.typ}), false, batches(rows, 5, c.frame), options...)
			check(t, c.typ.String(), open(t, path, "x"), rows, 5*c.cols, func(i, j int) float64 { return value(i, j%5) })
		}
	}
}

// TestArrowReadsFractions: numbers that are not whole, and the least normal and the largest of float16.
func TestArrowReadsFractions(t *testing.T) {
	want := [][]float64{{-1.5, 0.25, 0x1p-10}, {-128, 65504, 0x1p-14}}
	for _, typ := range []arrow.DataType{arrow.PrimitiveTypes.Float64, arrow.PrimitiveTypes.Float32, arrow.FixedWidthTypes.Float16} {
		path := arrowFile(t, columns(arrow.Field{Name: "x", Type: arrow.FixedSizeListOf(3, typ)}), true,
			[]string{`[{"x":[-1.5,0.25,0.0009765625]},{"x":[-128,65504,6.103515625e-05]}]`})
		check(t, typ.String(), open(t, path, ""), 2, 3, func(i, j int) float64 { return want[i][j] })
	}
}
