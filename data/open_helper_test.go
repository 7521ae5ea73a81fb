package data_test

import (
	"archive/zip"
	"bytes"
	"encoding/binary"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/ksparse/ksparse/data"
	"gonum.org/v1/gonum/mat"
)

// The files of these tests are made here, byte by byte, as the description of each format says,
// so that they owe nothing to the package that reads them.

// bytesOf joins texts, bytes, and little-endian numbers.
func bytesOf(parts ...any) []byte {
	var b bytes.Buffer
	for _, part := range parts {
		if text, ok := part.(string); ok {
			part = []byte(text)
		}
		if err := binary.Write(&b, binary.LittleEndian, part); err != nil {
			panic(err)
		}
	}
	return b.Bytes()
}

// npyBytes is a .npy file of version 1.0 (NEP 1): magic, version, the length of the header, a
// Python dict that spaces and a line feed pad, so that the elements begin at a multiple of 64.
func npyBytes(descr, shape string, elements ...any) []byte {
	header := fmt.Sprintf("{'descr': '%s', 'fortran_order': False, 'shape': %s, }", descr, shape)
	header += strings.Repeat(" ", 127-10-len(header)) + "\n"
	return bytesOf(append([]any{"\x93NUMPY\x01\x00", uint16(len(header)), header}, elements...)...)
}

// npzBytes is a zip archive of .npy files, by pairs of a name and the contents.
func npzBytes(t testing.TB, method uint16, pairs ...any) []byte {
	t.Helper()
	var b bytes.Buffer
	z := zip.NewWriter(&b)
	for i := 0; i < len(pairs); i += 2 {
		w, err := z.CreateHeader(&zip.FileHeader{Name: pairs[i].(string) + ".npy", Method: method})
		if err != nil {
			t.Fatal(err)
		}
		w.Write(pairs[i+1].([]byte))
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// safetensorsBytes is a safetensors file: the length of the header as uint64, the header, and the
// elements.
func safetensorsBytes(header string, elements ...any) []byte {
	return bytesOf(append([]any{uint64(len(header)), header}, elements...)...)
}

// oneTensor is a safetensors file of one tensor of size bytes.
func oneTensor(name, dtype, shape string, elements any) []byte {
	return safetensorsBytes(fmt.Sprintf(`{%q:{"dtype":%q,"shape":%s,"data_offsets":[0,%d]}}`, name, dtype, shape, binary.Size(elements)), elements)
}

// fileNamed makes a file in a folder of its own.
func fileNamed(t testing.TB, name string, contents []byte) string {
	t.Helper()
	return fileIn(t, t.TempDir(), name, contents)
}

// fileIn makes a file in folder.
func fileIn(t testing.TB, folder, name string, contents []byte) string {
	t.Helper()
	path := filepath.Join(folder, name)
	if err := os.WriteFile(path, contents, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// open opens files that the test closes at its end.
func open(t testing.TB, o data.Options, paths ...string) *data.File {
	t.Helper()
	f, err := data.Open(o, paths...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	return f
}

// wantRows reads all ranges of rows and compares.
func wantRows(t *testing.T, what string, f *data.File, cols int, want ...float64) {
	t.Helper()
	testSource(t, what, f, mat.NewDense(len(want)/cols, cols, slices.Clone(want)))
}

// wantString compares what a File says of itself.
func wantString(t *testing.T, f *data.File, want string) {
	t.Helper()
	if got := f.String(); got != want {
		t.Errorf("it is %s, want %s", got, want)
	}
}
