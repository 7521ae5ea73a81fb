package serve

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"math"
	"slices"
	"testing"

	"github.com/ksparse/ksparse/internal/sparse"
	"gonum.org/v1/gonum/mat"
)

// The parsers are held to encoding/json, and to plain reading of the layouts in doc/serving.md.

// FuzzRows: text that is accepted is JSON with the same numbers in it, bit for bit. Text that
// encoding/json reads as rows, with that one key, is accepted.
func FuzzRows(f *testing.F) {
	for _, seed := range []string{
		`{"rows":[[1,2]]}`, ` {"rows" : [ [ -0.5e-3 , 1E+2 ], [0,0]] } `, `{"rows":[]}`, `{"rows":[[1,2],[3]]}`, `{"rows":[[NaN,1]]}`,
		`{"rows":[[1e999,01]]}`, `{"rows":[[1.,-]]}`, `{"rows":[[179769313486231580793728971405301e276,5e-324]]}`, `{"rows":[[1,2]]}}`, `{"rows":null}`,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		const cols, most = 2, 4
		got, err := parseRows(nil, text, cols, most)
		if len(got) > cols*most {
			t.Fatalf("%d numbers were kept", len(got))
		}
		var want struct {
			Rows [][]*float64 `json:"rows"`
		}
		other := json.Unmarshal(text, &want)
		ok := other == nil && onlyKey(text, "rows") && len(want.Rows) > 0 && len(want.Rows) <= most
		var numbers []float64
		for _, row := range want.Rows {
			ok = ok && len(row) == cols && !slices.Contains(row, nil)
			for _, v := range row {
				if v != nil {
					numbers = append(numbers, *v)
				}
			}
		}
		if ok != (err == nil) {
			t.Fatalf("%q: error %v, encoding/json accepts %v (%v)", text, err, ok, other)
		}
		if err == nil && !sameBits(got, numbers) {
			t.Fatalf("%q: %v, want %v", text, got, numbers)
		}
	})
}

// onlyKey reports whether text is an object with that key alone, once, as it is written here:
// encoding/json takes keys in other case, with escapes, and twice.
func onlyKey(text []byte, key string) bool {
	d := json.NewDecoder(bytes.NewReader(text))
	depth, keys := 0, 0
	for {
		token, err := d.Token()
		if err != nil {
			break
		}
		switch token {
		case json.Delim('{'), json.Delim('['):
			depth++
		case json.Delim('}'), json.Delim(']'):
			depth--
		default:
			if s, isString := token.(string); isString && depth == 1 {
				if s != key {
					return false
				}
				keys++
			}
		}
	}
	return keys == 1 && bytes.Contains(text, []byte(`"`+key+`"`))
}

// sameBits reports whether the numbers are the same, -0 being another than 0.
func sameBits(a, b []float64) bool {
	return slices.EqualFunc(a, b, func(x, y float64) bool { return math.Float64bits(x) == math.Float64bits(y) })
}

// FuzzCodes: text that is accepted is JSON with the same latents and values in it.
func FuzzCodes(f *testing.F) {
	for _, seed := range []string{
		`{"codes":[{"latents":[0,2],"values":[1,-2.5]}]}`, `{"codes":[{"values":[],"latents":[]},{"latents":[7],"values":[1e3]}]}`,
		`{"codes":[{"latents":[0],"latents":[0]}]}`, `{"codes":[{"latents":[-1],"values":[1]}]}`, `{"codes":[]}`,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		const latents, most = 8, 4
		var got codes
		if parseCodes(&got, text, latents, most) != nil {
			return
		}
		var want struct {
			Codes []struct {
				Latents []int32
				Values  []float64
			}
		}
		if err := json.Unmarshal(text, &want); err != nil {
			t.Fatalf("%q was accepted: %v", text, err)
		}
		indices, values := got.views()
		if len(indices) != len(want.Codes) || len(indices) > most {
			t.Fatalf("%q: %d codes, want %d", text, len(indices), len(want.Codes))
		}
		for i, c := range want.Codes {
			if !slices.Equal(indices[i], c.Latents) || !sameBits(values[i], c.Values) || len(c.Latents) > latents {
				t.Fatalf("%q: code %d is %v %v, want %v", text, i, indices[i], values[i], c)
			}
		}
	})
}

// FuzzSearch: text that is accepted is JSON with the same fields in it, which are in their ranges.
func FuzzSearch(f *testing.F) {
	for _, seed := range []string{
		`{"rows":[[1,2]],"k":3,"by":"code","explain":true}`, `{"only":[0,7],"codes":[{"latents":[1],"values":[2]}],"recall":0.5}`, `{"k":1,"k":2}`,
		`{"rows":[[1,2]],"by":"neighbours","only":[],"explain":false}`, `{}`, `{"rows":[[1,2]],}`, `{"rows":[[1,2]],"recall":1e-400}`,
	} {
		f.Add([]byte(seed))
	}
	s := &Server{in: 2, latents: 3, options: Options{MaxRows: 4, MaxHits: 5}}
	f.Fuzz(func(t *testing.T, text []byte) {
		var x exchange
		if s.parseSearch(&x, text) != nil {
			return
		}
		want := struct {
			Rows  [][]float64
			Codes []struct {
				Latents []int32
				Values  []float64
			}
			K       int
			By      string
			Recall  float64
			Only    []int64
			Explain bool
		}{K: 5}
		if err := json.Unmarshal(text, &want); err != nil {
			t.Fatalf("%q was accepted: %v", text, err)
		}
		q := x.query
		if q.k != want.K || q.by != want.By || q.recall != want.Recall || q.explain != want.Explain || q.only != (want.Only != nil) || !slices.Equal(q.ids, want.Only) {
			t.Fatalf("%q: %+v, want %+v", text, q, want)
		}
		indices, values := x.codes.views()
		if x.n < 1 || x.n > 4 || x.n != len(want.Rows)+len(want.Codes) || len(indices) != len(want.Codes) || !sameBits(x.rows, slices.Concat(want.Rows...)) || q.k < 1 || q.k > 5 {
			t.Fatalf("%q: %d rows and codes, rows %v, codes %v", text, x.n, x.rows, indices)
		}
		for i, c := range want.Codes {
			if !slices.Equal(indices[i], c.Latents) || !sameBits(values[i], c.Values) {
				t.Fatalf("%q: code %d is %v %v, want %v", text, i, indices[i], values[i], c)
			}
		}
	})
}

// FuzzBinary: bodies that are accepted are what is written of their content.
func FuzzBinary(f *testing.F) {
	f.Add([]byte(words(1., 2., 3., 4.)))
	f.Add([]byte(words(2, 1, 0, 5, 2.5)))
	f.Add([]byte(words(2, -1, -1, 0)))
	f.Add([]byte(words(4, 0, 0, 0)))
	f.Fuzz(func(t *testing.T, body []byte) {
		const cols, most = 2, 4
		if rows, err := parseRowsBinary(nil, body, cols, most); err == nil {
			var x exchange
			over(&x.outputs, rows, len(rows)/cols, cols)
			if err := x.outputsBinary(); err != nil || !bytes.Equal(x.answer, body) || len(rows) > cols*most {
				t.Fatalf("%x: rows %v, written %x, error %v", body, rows, x.answer, err)
			}
		}
		var x exchange
		if parseCodesBinary(&x.codes, body, most) != nil {
			return
		}
		x.n = len(x.codes.counts)
		for _, v := range x.codes.values {
			if math.IsInf(v, 0) || math.IsNaN(v) {
				return // the library refuses these codes
			}
		}
		if err := x.codesBinary(); err != nil || !bytes.Equal(x.answer, body) || x.n > most {
			t.Fatalf("%x: codes %v, written %x, error %v", body, x.codes, x.answer, err)
		}
	})
}

// TestNumbers: the numbers that JSON has, and what looks like them.
func TestNumbers(t *testing.T) {
	for text, ok := range map[string]bool{
		"0": true, "-0": true, "10": true, "0.5": true, "0e0": true, "1E-7": true, "-12.50e+07": true, "123456789012345678901234567890": true,
		"": false, "-": false, "00": false, "-01": false, ".1": false, "1.": false, "1.e3": false, "1e": false, "1e+": false, "+1": false,
		"1e1.5": false, "0x1p4": false, "1_000": false, "inf": false, "nan": false, "--1": false, "1 2": false, "１": false,
	} {
		if valid := json.Valid([]byte(text)); valid != ok {
			t.Fatalf("the test is wrong about %q", text)
		}
		_, err := parseRows(nil, []byte(`{"rows":[[`+text+`]]}`), 1, 1)
		if (err == nil) != ok {
			t.Errorf("%q: error %v", text, err)
		}
	}
}

// TestWritten: what is written in JSON is read by encoding/json as the same numbers.
func TestWritten(t *testing.T) {
	numbers := []float64{0, math.Copysign(0, -1), 1, -1.5, 1e20, 1e21, 1e-6, 1e-7, math.MaxFloat64, math.SmallestNonzeroFloat64, 0.1, 2.0 / 3}
	var rows struct{ Rows [][]float64 }
	if err := json.Unmarshal(appendRows(nil, mat.NewDense(3, 4, numbers)), &rows); err != nil || len(rows.Rows) != 3 {
		t.Fatalf("%v, error %v", rows, err)
	}
	for i, row := range rows.Rows {
		if !sameBits(row, numbers[4*i:4*i+4]) {
			t.Errorf("row %d is %v, want %v", i, row, numbers[4*i:4*i+4])
		}
	}
	if got, want := len(sparse.AppendFloats(nil, []float64{-1.2345678901234567e-123})), 24; got != want {
		t.Errorf("the longest number has %d letters, want %d: with a comma these are the 25 of MaxBytes", got, want)
	}
}

// largeBody is a body in either layout: one row of 768 numbers, in JSON with the digits of float32.
func largeBody() (text, raw []byte) {
	text = []byte(`{"rows":[[`)
	for j := range 768 {
		v := float32(math.Sin(float64(j)) * 3)
		raw = binary.LittleEndian.AppendUint32(raw, math.Float32bits(v))
		number, _ := json.Marshal(v)
		text = append(separate(text, j), number...)
	}
	return append(text, `]]}`...), raw
}

// BenchmarkParse: one row of 768 numbers, by hand, by encoding/json, and in binary.
func BenchmarkParse(b *testing.B) {
	text, raw := largeBody()
	var rows []float64
	b.Run("hand", func(b *testing.B) {
		b.ReportAllocs()
		for range b.N {
			rows, _ = parseRows(rows[:0], text, 768, 1)
		}
	})
	b.Run("encoding-json", func(b *testing.B) {
		b.ReportAllocs()
		var into struct {
			Rows [][]float64 `json:"rows"`
		}
		for range b.N {
			_ = json.Unmarshal(text, &into)
		}
	})
	b.Run("binary", func(b *testing.B) {
		b.ReportAllocs()
		for range b.N {
			rows, _ = parseRowsBinary(rows[:0], raw, 768, 1)
		}
	})
}
