package npy_test

import (
	"archive/zip"
	"bytes"
	"encoding/binary"
	"fmt"
	"strings"
	"testing"

	"github.com/ksparse/ksparse/internal/npy"
	"github.com/ksparse/ksparse/internal/tensor"
	"github.com/ksparse/ksparse/internal/tensor/tensortest"
)

// file returns a .npy file of that header and as many bytes of elements, which
// count up from 1.
func file(header string, elements int) []byte {
	b := append([]byte("\x93NUMPY\x01\x00"), byte(len(header)), byte(len(header)>>8))
	b = append(b, header...)
	for i := range elements {
		b = append(b, byte(i+1))
	}
	return b
}

func header(descr, order, shape string) string {
	return fmt.Sprintf("{'descr': %s, 'fortran_order': %s, 'shape': %s, }  \n", descr, order, shape)
}

func TestHeaders(t *testing.T) {
	const ok, no = "'|u1'", "False"
	for _, c := range []struct {
		file []byte
		want string // the values, or what the error has
	}{
		{file(header(ok, no, "(2, 3)"), 6), "[1 2 3 4 5 6]"},
		{file(header(ok, "True", "(2, 3)"), 6), "[1 3 5 2 4 6]"},
		{file(header(ok, "True", "(2, 3, 2)"), 12), "[1 7 3 9 5 11 2 8 4 10 6 12]"},
		{file(header(ok, "True", "(3,)"), 3), "[1 2 3]"},
		{file(header(ok, no, "()"), 1), "[1]"},
		{file(header(ok, no, "(3L, 2L)"), 6), "[1 2 3 4 5 6]"},
		{file(header(ok, no, "(0, 5)"), 0), "[]"},
		{file(header("'<u2'", no, "(2,)"), 4), "[513 1027]"},
		{file(header("'>u2'", no, "(2,)"), 4), "[258 772]"},
		{file(header("'>i4'", no, "(1,)"), 4), "[1.690906e+07]"},
		{file(`{"shape":(1,),"descr":"<i8","fortran_order":False}`, 8), "above 2^53"},
		{file(`{"shape":(1,),"descr":"|i1","fortran_order":False}`, 1), "[1]"},

		{file(header("'|O'", no, "(1,)"), 8), "pickle"},
		{file(header("'O'", no, "(1,)"), 8), "no type"},
		{file(header("'|V2'", no, "(1,)"), 2), "bfloat16"},
		{file(header("'<c8'", no, "(1,)"), 8), "want numbers"},
		{file(header("'<U3'", no, "(1,)"), 12), "want numbers"},
		{file(header("'<M8[ns]'", no, "(1,)"), 8), "want numbers"},
		{file(header("'<f16'", no, "(1,)"), 16), "want numbers"},
		{file(header("'|f4'", no, "(1,)"), 4), "byte order"},
		{file(header("'=f4'", no, "(1,)"), 4), "byte order"},
		{file(header("'>u1'", no, "(1,)"), 1), "byte order"},
		{file(header("[('x', '<f4')]", no, "(1,)"), 4), "structured"},
		{file(header("''", no, "(1,)"), 4), "no type"},
		{file(header("None", no, "(1,)"), 4), "want a string"},
		{file(header("'a\\x'", no, "(1,)"), 4), "plain string"},
		{file(header(ok, "0", "(1,)"), 1), "True or False"},
		{file(header(ok, no, "(1)"), 1), "tuple"},
		{file(header(ok, no, "[1]"), 1), `want "("`},
		{file(header(ok, no, "(1 2)"), 2), "tuple"},
		{file(header(ok, no, "(1, 2 3)"), 2), "comma"},
		{file(header(ok, no, "(-1,)"), 1), "no size"},
		{file(header(ok, no, "(1.0,)"), 1), "tuple"},
		{file(header(ok, no, "(,)"), 1), "no size"},
		{file(header(ok, no, "(1,,)"), 1), "no size"},
		{file(header(ok, no, "(True,)"), 1), "no size"},
		{file(header(ok, no, "(99999999999999999999,)"), 1), "no size"},
		{file(header(ok, no, "(2147483647, 2147483647, 2147483647)"), 0), "too large"},
		{file(header(ok, "True", "(2147483647, 2147483647, 2147483647)"), 0), "too large"},
		{file(header(ok, no, "("+strings.Repeat("1, ", 65)+")"), 1), "65 dimensions"},
		{[]byte("\x93NUMPY"), "cut short: it has 6 bytes"},
		{[]byte("\x93NUMPY\x01\x00\x01"), "cut short: it has 9 bytes"},
		{file("{'descr': '|u1'"+strings.Repeat(" ", 60)+"\n", 1), `the end of the header, want "}"`},
		{file("{'descr': '|u1' x"+strings.Repeat(" ", 60)+"\n", 1), `"x", want "}"`},
		{file(header(ok, no, "(2,)"), 1), "cut short: 1 bytes of elements, want 2"},
		{file(header(ok, no, "(2,)"), 3), "3 bytes of elements, want 2"},
		{file(header(ok, no, "(2,)")+"x", 2), "after the dict"},
		{file("{'descr': '|u1', 'descr': '|u1', 'fortran_order': False, 'shape': (1,)}", 1), "there twice"},
		{file("{'descr': '|u1', 'fortran_order': False}", 1), "want descr, fortran_order and shape"},
		{file("{'descr': '|u1', 'fortran_order': False, 'shape': (1,), 'x': 1}", 1), "unknown"},
		{file("{'descr' '|u1'}", 1), `want ":"`},
		{file("{'descr': '|u1' 'shape': (1,)}", 1), `want "}"`},
		{file("{'descr", 1), "plain string"},
		{file("{", 1), "want a string"},
		{file("dict()", 1), `want "{"`},
		{file("", 1), `want "{"`},
		{[]byte("\x93NUMPY\x02\x00\x00\x00"), "cut short: it has 10 bytes"},
		{[]byte("\x93NUMPY\x02\x00\xff\xff\xff\xff"), "a header of"},
		{append([]byte("\x93NUMPY\x03\x00\x01\x00\x01\x00"), make([]byte, 1<<17)...), "a header of"},
		{[]byte("\x93NUMPY\x01\x01\x00\x00"), "version 1.1"},
		{[]byte("\x93NUMPY\x01\x00\xff\xff"), "cut short: it has 10 bytes, and the header alone takes 65545"},
	} {
		var got string
		var x *tensor.Tensor
		var err error
		taken := tensortest.Allocated(func() { x, err = npy.Read(bytes.NewReader(c.file), int64(len(c.file))) })
		if err == nil {
			var values []float64
			values, err = x.Float64s()
			got = fmt.Sprint(values)
		}
		if err != nil {
			got = err.Error()
		}
		if !strings.Contains(got, c.want) || (err == nil) != strings.HasPrefix(c.want, "[") || len(got) > 500 {
			t.Errorf("file %.200q: %s (error %v), want %q", c.file, got, err, c.want)
		}
		if limit := int64(8<<10 + 8*len(c.file)); taken > limit {
			t.Errorf("file %.200q: %d bytes allocated, want at most %d", c.file, taken, limit)
		}
	}
}

// makeZip returns a zip file of one entry.
func makeZip(t testing.TB, method uint16, name string, data []byte) []byte {
	t.Helper()
	var b bytes.Buffer
	z := zip.NewWriter(&b)
	w, err := z.CreateHeader(&zip.FileHeader{Name: name, Method: method})
	if err == nil {
		_, err = w.Write(data)
	}
	if err == nil {
		err = z.Close()
	}
	if err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func TestHostileArchives(t *testing.T) {
	array := file(header("'|u1'", "False", "(3,)"), 3)
	deflated := makeZip(t, zip.Deflate, "a.npy", array)
	directory := bytes.Index(deflated, []byte("PK\x01\x02"))
	// claim returns the archive with another size of the inflated entry.
	claim := func(size int) []byte {
		out := bytes.Clone(deflated)
		binary.LittleEndian.PutUint32(out[directory+24:], uint32(size))
		return out
	}
	damaged := makeZip(t, zip.Store, "a.npy", array)
	damaged[bytes.Index(damaged, []byte("\x01\x02\x03PK"))] = 9
	for name, c := range map[string]struct {
		file []byte
		want string
	}{
		"good":             {deflated, ""},
		"no array":         {makeZip(t, zip.Store, "a.txt", array), ""},
		"longer":           {makeZip(t, zip.Deflate, "a.npy", append(bytes.Clone(array), 0)), "4 bytes of elements, want 3"},
		"shorter":          {makeZip(t, zip.Deflate, "a.npy", array[:len(array)-1]), "2 bytes of elements, want 3"},
		"claims more":      {claim(len(array) + 1), "4 bytes of elements"},
		"claims 1 GB":      {claim(1 << 30), "too many"},
		"claims less":      {claim(20), "cut short: it has 20 bytes"},
		"claims nothing":   {claim(0), "no .npy file"},
		"bomb":             {makeZip(t, zip.Deflate, "a.npy", file(header("'|u1'", "False", "(1048576,)"), 0)), "0 bytes of elements"},
		"an inflated bomb": {makeZip(t, zip.Deflate, "a.npy", append(file(header("'|u1'", "False", "(1048576,)"), 0), make([]byte, 1<<20)...)), "too many"},
		"damaged":          {damaged, "CRC-32"},
		"leaves":           {makeZip(t, zip.Store, "../a.npy", array), `".."`},
		"no zip":           {array, "zip"},
		"nothing":          {nil, "zip"},
	} {
		var err error
		taken := tensortest.Allocated(func() { _, err = readAll(c.file) })
		if (err == nil) != (c.want == "") || err != nil && !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: error %v, want %q", name, err, c.want)
		}
		if limit := int64(256<<10 + 32*len(c.file)); taken > limit {
			t.Errorf("%s: %d bytes allocated, want at most %d", name, taken, limit)
		}
	}
	// The header's size and the directory's agree, and the data goes on.
	long := makeZip(t, zip.Deflate, "a.npy", append(bytes.Clone(array), make([]byte, 100)...))
	binary.LittleEndian.PutUint32(long[bytes.Index(long, []byte("PK\x01\x02"))+24:], uint32(len(array)))
	if _, err := readAll(long); err == nil || !strings.Contains(err.Error(), "other than") {
		t.Errorf("an entry that goes on: error %v", err)
	}
	a, err := npy.ReadArchive(bytes.NewReader(deflated), int64(len(deflated)))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := a.Tensor("b"); err == nil || !strings.Contains(err.Error(), `"b": it is not in`) {
		t.Errorf("an absent array: error %v", err)
	}
}

func FuzzNpy(f *testing.F) {
	for _, seed := range tensortest.Seeds(f, "testdata/bad", ".npy") {
		f.Add(seed)
	}
	for _, shape := range []string{"(2, 3, 2)", "(12,)", "()"} {
		f.Add(file(header("'|u1'", "True", shape), 12))
		f.Add(file(header("'>i2'", "False", shape), 24))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		var x *tensor.Tensor
		var err error
		taken := tensortest.Allocated(func() { x, err = npy.Read(bytes.NewReader(data), int64(len(data))) })
		if limit := int64(1<<20 + 16*len(data)); taken > limit {
			t.Fatalf("%d bytes allocated for %d", taken, len(data))
		}
		if err != nil {
			return
		}
		values, err := x.Float64s()
		if err == nil && (len(values) != x.Count() || len(values) > len(data)) {
			t.Fatalf("%d values of %d in %d bytes", len(values), x.Count(), len(data))
		}
	})
}

func FuzzNpz(f *testing.F) {
	for _, seed := range tensortest.Seeds(f, "testdata/bad", ".npz") {
		f.Add(seed, []byte{})
	}
	for _, seed := range tensortest.Seeds(f, "testdata/bad", ".npy") {
		f.Add([]byte{}, seed)
	}
	// data is an archive; array, when there is one, is put into a deflated entry.
	f.Fuzz(func(t *testing.T, data, array []byte) {
		if len(array) > 0 {
			data = makeZip(t, zip.Deflate, "a.npy", array)
		}
		entries := 0
		var values map[string][]float64
		taken := tensortest.Allocated(func() {
			if a, err := npy.ReadArchive(bytes.NewReader(data), int64(len(data))); err == nil {
				entries = len(a.Names())
			}
			values, _ = readAll(data)
		})
		// Float64s takes 8 bytes for one, and inflating 64 KiB per entry.
		if limit := 8*tensor.Budget(int64(len(data)))*2 + int64(1+entries)*256<<10; taken > limit {
			t.Fatalf("%d bytes allocated for %d, %d entries", taken, len(data), entries)
		}
		total := int64(0)
		for _, v := range values {
			total += int64(len(v))
		}
		if total > tensor.Budget(int64(len(data))) {
			t.Fatalf("%d values in %d bytes", total, len(data))
		}
	})
}
