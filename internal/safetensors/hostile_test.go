package safetensors_test

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"math"
	"strings"
	"testing"

	"github.com/ksparse/ksparse/internal/safetensors"
	"github.com/ksparse/ksparse/internal/tensor/tensortest"
)

// assemble returns a file of that header and as many bytes of elements.
func assemble(header string, elements int) []byte {
	b := binary.LittleEndian.AppendUint64(nil, uint64(len(header)))
	return append(append(b, header...), make([]byte, elements)...)
}

func one(dtype, shape, offsets string) string {
	return fmt.Sprintf(`{"w":{"dtype":%s,"shape":%s,"data_offsets":%s}}`, dtype, shape, offsets)
}

func TestHostile(t *testing.T) {
	const a = `"dtype":"F32","shape":[1],"data_offsets":[0,4]`
	for _, c := range []struct {
		header   string
		elements int
		want     string // in the error; empty for none
	}{
		{one(`"F32"`, `[2,3]`, `[0,24]`), 24, ""},
		{one(`"F32"`, `[]`, `[0,4]`) + "  \n ", 4, ""},
		{one(`"F32"`, `[0,9]`, `[0,0]`), 0, ""},
		{one(`"F4"`, `[4]`, `[0,2]`), 2, ""},
		{`{}`, 0, ""},
		{`{"a":{` + a + `},"z":{"dtype":"F32","shape":[0],"data_offsets":[0,0]}}`, 4, ""},

		{one(`"F32"`, `[9223372036854775808]`, `[0,24]`), 24, "whole number"},
		{one(`"F32"`, `[4294967296,4294967296]`, `[0,0]`), 0, "too large"},
		{one(`"F32"`, `[4294967296,4294967296,0]`, `[0,0]`), 0, "too large"},
		{one(`"F32"`, `[1.0]`, `[0,4]`), 4, "whole number"},
		{one(`"F32"`, `[1e0]`, `[0,4]`), 4, "whole number"},
		{one(`"F32"`, `["1"]`, `[0,4]`), 4, "whole number"},
		{one(`"F32"`, `[null]`, `[0,4]`), 4, "whole number"},
		{one(`"F32"`, `[-1]`, `[0,4]`), 4, "whole number"},
		{one(`"F32"`, `1`, `[0,4]`), 4, "should be"},
		{one(`"F32"`, `[`+strings.Repeat("1,", 64)+`1]`, `[0,4]`), 4, "more than 64"},
		{one(`"F32"`, `[`+strings.Repeat("9", 1<<16)+`]`, `[0,4]`), 4, "whole number"},
		{one(`"F32"`, strings.Repeat("[", 1<<16), `[0,4]`), 4, "whole number"},
		{one(`"F32"`, `[1]`, `[0,4,8]`), 4, "more than 2"},
		{one(`"F32"`, `[1]`, `[0]`), 4, "begin and end"},
		{one(`"F32"`, `[1]`, `[4,8]`), 8, "begins at byte 4"},
		{one(`"F32"`, `[1]`, `[0,8]`), 8, "8 bytes for shape"},
		{one(`"F4"`, `[3]`, `[0,1]`), 1, "bytes for shape"},
		{one(`32`, `[1]`, `[0,4]`), 4, "a text"},
		{one(`"F32 "`, `[1]`, `[0,4]`), 4, "unknown dtype"},
		{one(`"`+strings.Repeat("F", 1<<16)+`"`, `[1]`, `[0,4]`), 4, "unknown dtype"},
		{`{"w":{` + a + `},"w":{` + a + `}}`, 4, "there twice"},
		{`{"w":{` + a + `},"\u0077":{` + a + `}}`, 4, "there twice"},
		{`{"w":{` + a + `,"dtype":"F32"}}`, 4, "there twice"},
		{`{"w":{` + a + `,"scale":2}}`, 4, "unknown field"},
		{`{"w":{"dtype":"F32","shape":[1]}}`, 4, "want dtype"},
		{`{"w":{"Dtype":"F32","shape":[1],"data_offsets":[0,4]}}`, 4, "unknown field"},
		{`{"w":[]}`, 0, "should be"},
		{`{"w":null}`, 0, "should be"},
		{`{"__metadata__":{"a":"b","a":"c"}}`, 0, "there twice"},
		{`{"__metadata__":{},"__metadata__":{}}`, 0, "there twice"},
		{`{"__metadata__":null}`, 0, "should be"},
		{`{"__metadata__":{"a":{"b":"c"}}}`, 0, "a text"},
		{`{"__metadata__":` + strings.Repeat(`{"a":`, 1<<16), 0, "a text"},
		{`{"w":{` + a + `}}x`, 4, "follows"},
		{`{"w":{` + a + `}}{}`, 4, "follows"},
		{`{"w":{` + a + `},}`, 4, "header"},
		{`{"w" {` + a + `}}`, 4, "header"},
		{` {"w":{` + a + `}}`, 4, "begins with"},
		{"\xef\xbb\xbf{}", 0, "begins with"},
		{`[]`, 0, "begins with"},
		{``, 0, "begins with"},
		{`{`, 0, "EOF"},
		{"{\"\xff\":{" + a + "}}", 4, "UTF-8"},
		{`{"` + strings.Repeat("n", 1<<16) + `":1}`, 0, "should be"},
	} {
		data := assemble(c.header, c.elements)
		var err error
		taken := tensortest.Allocated(func() { _, err = safetensors.Read(bytes.NewReader(data), int64(len(data))) })
		switch {
		case (err == nil) != (c.want == "") || err != nil && !strings.Contains(err.Error(), c.want):
			t.Errorf("header %.120s: error %v, want %q", c.header, err, c.want)
		case err != nil && len(err.Error()) > 500:
			t.Errorf("header %.120s: an error of %d bytes", c.header, len(err.Error()))
		}
		if limit := int64(64<<10 + 16*len(data)); taken > limit {
			t.Errorf("header %.120s: %d bytes allocated, want at most %d", c.header, taken, limit)
		}
	}
}

// TestManyTensors has the header with the most entries for its size.
func TestManyTensors(t *testing.T) {
	var header strings.Builder
	header.WriteByte('{')
	const n = 20000
	for i := range n {
		if i > 0 {
			header.WriteByte(',')
		}
		fmt.Fprintf(&header, `"%x":{"dtype":"U8","shape":[0],"data_offsets":[0,0]}`, i)
	}
	header.WriteByte('}')
	data := assemble(header.String(), 0)
	taken := tensortest.Allocated(func() {
		f, err := safetensors.Read(bytes.NewReader(data), int64(len(data)))
		if err != nil {
			t.Fatal(err)
		}
		if got := len(f.Names()); got != n {
			t.Errorf("%d tensors, want %d", got, n)
		}
	})
	if taken > int64(32*len(data)) {
		t.Errorf("%d bytes allocated for %d", taken, len(data))
	}
}

func TestTensorErrors(t *testing.T) {
	data := assemble(`{"small":{"dtype":"F8_E4M3","shape":[2],"data_offsets":[0,2]},"w":{"dtype":"I64","shape":[1],"data_offsets":[2,10]}}`, 10)
	binary.LittleEndian.PutUint64(data[len(data)-8:], 1<<53+1)
	f, err := safetensors.Read(bytes.NewReader(data), int64(len(data)))
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{"small": "F8_E4M3", "absent": "no tensor"} {
		if _, err := f.Tensor(name); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("tensor %q: error %v, want %q", name, err, want)
		}
	}
	w, err := f.Tensor("w")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.Float64s(); err == nil || !strings.Contains(err.Error(), "9007199254740993") {
		t.Errorf("2^53+1 as float64: error %v", err)
	}
}

func FuzzSafetensors(f *testing.F) {
	for _, seed := range tensortest.Seeds(f, "testdata/bad", ".safetensors") {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		var file *safetensors.File
		var err error
		taken := tensortest.Allocated(func() { file, err = safetensors.Read(bytes.NewReader(data), int64(len(data))) })
		if limit := int64(1<<20 + 32*len(data)); taken > limit {
			t.Fatalf("%d bytes allocated for %d", taken, len(data))
		}
		if err != nil {
			return
		}
		total := 0
		for _, name := range file.Names() {
			x, err := file.Tensor(name)
			if err != nil {
				continue
			}
			total += x.Count() * x.DType().Size()
			values, err := x.Float64s()
			if err == nil && len(values) != x.Count() {
				t.Fatalf("%d values of %d", len(values), x.Count())
			}
			rows := min(x.Rows(), 3)
			last := make([]float64, rows*x.Cols())
			if again := x.ReadRows(last, x.Rows()-rows, x.Rows()); err == nil && again != nil {
				t.Fatal(again)
			}
			for i, v := range last {
				if err == nil && math.Float64bits(v) != math.Float64bits(values[len(values)-len(last)+i]) {
					t.Fatalf("value %d from the end is %v, then %v", len(last)-i, values[len(values)-len(last)+i], v)
				}
			}
		}
		if total > len(data) {
			t.Fatalf("tensors of %d bytes in a file of %d", total, len(data))
		}
	})
}

// TestCutShort: a file that ends too early says so, wherever that is; a length that no header
// has is called by itself.
func TestCutShort(t *testing.T) {
	whole := assemble(one(`"F32"`, `[2,3]`, `[0,24]`), 24)
	for _, n := range []int{9, 30, len(whole) - 24, len(whole) - 1} {
		if _, err := safetensors.Read(bytes.NewReader(whole[:n]), int64(n)); err == nil || !strings.Contains(err.Error(), "cut short") {
			t.Errorf("%d bytes of %d: %v", n, len(whole), err)
		}
	}
	text := "a text of some words"
	if _, err := safetensors.Read(strings.NewReader(text), int64(len(text))); err == nil || strings.Contains(err.Error(), "cut short") || !strings.Contains(err.Error(), "header") {
		t.Errorf("a text: %v", err)
	}
}
