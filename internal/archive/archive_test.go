package archive_test

import (
	"archive/zip"
	"bytes"
	"encoding/binary"
	"hash/crc32"
	"io"
	"slices"
	"strings"
	"testing"

	"github.com/ksparse/ksparse/internal/archive"
	"github.com/ksparse/ksparse/internal/tensor/tensortest"
)

const text = "the contents of an entry, the contents of an entry"

// makeZip returns a zip file with text in the entries, all compressed by method.
func makeZip(t *testing.T, method uint16, names ...string) []byte {
	t.Helper()
	var b bytes.Buffer
	z := zip.NewWriter(&b)
	for _, name := range names {
		w, err := z.CreateHeader(&zip.FileHeader{Name: name, Method: method})
		if err == nil {
			_, err = io.WriteString(w, text)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func read(data []byte) (*archive.Archive, error) {
	return archive.Read(bytes.NewReader(data), int64(len(data)))
}

func TestOpen(t *testing.T) {
	for _, method := range []uint16{zip.Store, zip.Deflate} {
		data := makeZip(t, method, "b/2", "a")
		for _, before := range []string{"", "bytes before the archive"} {
			data := append([]byte(before), data...)
			a, err := read(data)
			if err != nil {
				t.Fatal(err)
			}
			if got := a.Names(); !slices.Equal(got, []string{"b/2", "a"}) {
				t.Errorf("names %q", got)
			}
			if size, ok := a.Size("a"); !ok || size != int64(len(text)) {
				t.Errorf("size %d, %v, want %d", size, ok, len(text))
			}
			if _, ok := a.Size("c"); ok {
				t.Error("an absent entry has a size")
			}
			r, err := a.Open("b/2")
			if err != nil {
				t.Fatal(err)
			}
			got := make([]byte, len(text)+1)
			if n, err := r.ReadAt(got, 0); string(got[:n]) != text || err != io.EOF {
				t.Errorf("contents %q, %v, want %q", got[:n], err, text)
			}
			for n, want := range map[int]string{3: text[:3], 0: "", 1000: text} {
				if got, err := a.Head("a", n); err != nil || string(got) != want {
					t.Errorf("the first %d bytes are %q, %v, want %q", n, got, err, want)
				}
			}
			for _, open := range []func() error{
				func() error { _, err := a.Open("c"); return err },
				func() error { _, err := a.Head("c", 1); return err },
			} {
				if err := open(); err == nil || !strings.Contains(err.Error(), `"c": it is not in the archive`) {
					t.Errorf("an absent entry: error %v", err)
				}
			}
		}
	}
}

// TestDirectory changes fields of the directory entry of "a", which follows one of
// another entry.
func TestDirectory(t *testing.T) {
	const flags, method, sum, compressed, size, local = 8, 10, 16, 20, 24, 42
	for name, c := range map[string]struct {
		method uint16
		field  int
		value  uint32
		want   string // of Read or Open; empty for none
	}{
		"another sum":         {zip.Store, sum, 1, "CRC-32"},
		"another sum inside":  {zip.Deflate, sum, 1, "CRC-32"},
		"no sum":              {zip.Store, sum, 0, ""},
		"no sum inside":       {zip.Deflate, sum, 0, ""},
		"encrypted":           {zip.Store, flags, 9, "encrypted"},
		"bzip2":               {zip.Store, method, 12, "method 12"},
		"stored, in two ways": {zip.Store, size, 7, "stored entry of 7 bytes"},
		"goes on":             {zip.Deflate, size, uint32(len(text)) - 1, "other than"},
		"ends":                {zip.Deflate, size, uint32(len(text)) + 1, "other than"},
		"cut":                 {zip.Deflate, compressed, 5, "unexpected EOF"},
		"larger than file":    {zip.Deflate, compressed, 1 << 30, "of a file of"},
		"a bomb":              {zip.Deflate, size, 1 << 20, "too many"},
		"elsewhere":           {zip.Store, local, 1, "not a valid zip"},
		"past the end":        {zip.Store, local, 1 << 30, ""},
		"the other's place":   {zip.Store, local, 0, ""}, // an entry is what the directory says
	} {
		data := makeZip(t, c.method, "0", "a")
		at := bytes.LastIndex(data, []byte("PK\x01\x02"))
		if c.field == flags || c.field == method {
			binary.LittleEndian.PutUint16(data[at+c.field:], uint16(c.value))
		} else {
			binary.LittleEndian.PutUint32(data[at+c.field:], c.value)
		}
		a, err := read(data)
		var r io.ReaderAt
		if err == nil {
			r, err = a.Open("a")
		}
		if name == "past the end" {
			if err == nil {
				t.Errorf("%s: opened", name)
			}
			continue
		}
		if (err == nil) != (c.want == "") || err != nil && !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: error %v, want %q", name, err, c.want)
		}
		if err == nil {
			got := make([]byte, len(text))
			if _, err := r.ReadAt(got, 0); err != nil || string(got) != text {
				t.Errorf("%s: %q, %v", name, got, err)
			}
		}
	}
}

func TestNames(t *testing.T) {
	for name, want := range map[string]string{
		"a/b": "", "..a/b..": "", "a/./b": "", "a//b": "",
		"..": `".."`, "a/..": `".."`, "../a": `".."`, "a/../b": `".."`, "/a": "relative", `a\..\b`: "relative", "x": "there twice",
	} {
		_, err := read(makeZip(t, zip.Store, "x", name))
		if (err == nil) != (want == "") || err != nil && !strings.Contains(err.Error(), want) {
			t.Errorf("entry %q: error %v, want %q", name, err, want)
		}
	}
}

// TestOverlap: entries that share their bytes cannot be more than the file.
func TestOverlap(t *testing.T) {
	var b bytes.Buffer
	z := zip.NewWriter(&b)
	data := bytes.Repeat([]byte(text), 100)
	for _, name := range []string{"a", "b"} {
		w, err := z.CreateRaw(&zip.FileHeader{Name: name, CRC32: crc32.ChecksumIEEE(data), CompressedSize64: uint64(len(data)), UncompressedSize64: uint64(len(data))})
		if err == nil && name == "a" {
			_, err = w.Write(data)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := read(b.Bytes()); err == nil || !strings.Contains(err.Error(), "too many") {
		t.Errorf("error %v", err)
	}
}

// TestLarge: opening a stored entry takes no memory for its contents.
func TestLarge(t *testing.T) {
	var b bytes.Buffer
	z := zip.NewWriter(&b)
	w, err := z.CreateHeader(&zip.FileHeader{Name: "a", Method: zip.Store})
	if err == nil {
		_, err = w.Write(make([]byte, 8<<20))
	}
	if err == nil {
		err = z.Close()
	}
	if err != nil {
		t.Fatal(err)
	}
	taken := tensortest.Allocated(func() {
		a, err := read(b.Bytes())
		if err == nil {
			_, err = a.Open("a")
		}
		if err != nil {
			t.Error(err)
		}
	})
	if taken > 512<<10 {
		t.Errorf("%d bytes allocated", taken)
	}
}
