package sniff

import (
	"archive/zip"
	"bytes"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/ksparse/ksparse/internal/fault"
)

// TestHead has a beginning for each kind, and what is nearly one.
func TestHead(t *testing.T) {
	zip := func(name string) string {
		return "PK\x03\x04" + strings.Repeat("\x00", 22) + string([]byte{byte(len(name)), 0}) + "\x00\x00" + name
	}
	for _, c := range []struct {
		head string
		want Kind
	}{
		{"", Empty},
		{"\x89ksp\r\n\x1a\n\x02", Network},
		{"\x89ksp\r\n\x1a", Unknown},
		{"\x89ksp\n\x1a\n", Unknown},
		{"\x89ksc\r\n\x1a\n", Checkpoint},
		{"\x89kco\r\n\x1a\n", Codes},
		{"\x02\x00\x00\x00\x00\x00\x00\x00{}", Safetensors},
		{"\x02\x00\x00\x00\x00\x00\x00\x01{}", Unknown},
		{"\x80\x02}", Torch},
		{"\x80\x09}", Unknown},
		{strings.Repeat("\x00", 257) + "ustar", Tar},
		{zip("a/data.pkl"), Torch},
		{zip("archive/version"), Torch},
		{zip("w.npy"), Npz},
		{zip("a/w.npy"), Zip},
		{zip("model/cfg.json"), Zip},
		{zip("x"), Zip},
		{"PK\x05\x06", Zip},
		{"PK", Text},
		{"\x93NUMPY\x01\x00", Npy},
		{"\x1f\x8b\x08", Gzip},
		{"\x89HDF\r\n\x1a\n", HDF5},
		{"ARROW1\x00\x00\xff\xff\xff\xff", Arrow},
		{"ARROW1,ARROW2\n1,2\n", Text},
		{"\xff\xff\xff\xff\x10\x00\x00\x00", Arrow},
		{"\xff\xff\xff\x00", Unknown},
		{"PAR1\x15\x04", Parquet},
		{"PARE\x15\x04", Parquet},
		{"PAR2\x15\x04", Unknown},
		{" {\"a\": 1}", JSON},
		{"[1]", JSON},
		{"version https://git-lfs.github.com/spec/v1\noid sha256:00", LFS},
		{"version 1", Text},
		{"\n<!DOCTYPE html><p>", HTML},
		{"<html lang=en>", HTML},
		{"<p>", Text},
		{"hello\tworld\n", Text},
		{"Grüße", Text},
		{"a\x00b", Unknown},
		{"\xff\xfe", Unknown},
		{strings.Repeat("a", headSize-1) + "\xc3", Text}, // cut within a character
		{"abc\xc3", Unknown},
	} {
		if got := Head([]byte(c.head)); got != c.want {
			t.Errorf("%.40q is %v, want %v", c.head, got, c.want)
		}
	}
}

// TestFile has what is no regular file, and texts of each kind.
func TestFile(t *testing.T) {
	folder := t.TempDir()
	path := filepath.Join(folder, "x")
	if _, err := File(path); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("no file: %v", err)
	}
	if k, err := File(folder); k != Folder || err != nil {
		t.Errorf("a folder is %v, %v", k, err)
	}
	if k, err := File(os.DevNull); k != Special || err != nil {
		t.Errorf("%s is %v, %v", os.DevNull, k, err)
	}
	if err := os.WriteFile(path, []byte("\x93NUMPY\x01\x00"), 0o666); err != nil {
		t.Fatal(err)
	}
	if k, err := File(path); k != Npy || err != nil || k.Instead("a network file") != "a NumPy array (.npy), not a network file" {
		t.Errorf("an array is %v, %v", k.Instead("a network file"), err)
	}
	if err := Want(path, Npy); err != nil {
		t.Error(err)
	}
	if err := Want(path, Network); !errors.Is(err, fault.ErrFormat) || err.Error() != "ksparse: "+path+" is a NumPy array (.npy), not a network file: data.OpenNpy opens it, as rows of data" {
		t.Errorf("an array in place of a network: %v", err)
	}
	for k := Unknown; k <= Special; k++ {
		if k.String() == "" || strings.Contains(k.String(), "pretrained.") || strings.Contains(k.String(), "ksparse.") {
			t.Errorf("kind %d is called %q", k, k.Instead("x"))
		}
	}
}

// TestFileZip: an archive is told by all of its entries, not by the first alone.
func TestFileZip(t *testing.T) {
	for _, c := range []struct {
		names []string
		want  Kind
	}{
		{[]string{"README", "w.npy"}, Npz},
		{[]string{"README", "model/data.pkl"}, Torch},
		{[]string{"w.npy", "b.npy"}, Npz},
		{[]string{"README", "a/w.npy", "cfg.json"}, Zip},
	} {
		path := filepath.Join(t.TempDir(), "x")
		var text bytes.Buffer
		z := zip.NewWriter(&text)
		for _, name := range c.names {
			if _, err := z.Create(name); err != nil {
				t.Fatal(err)
			}
		}
		if err := errors.Join(z.Close(), os.WriteFile(path, text.Bytes(), 0o666)); err != nil {
			t.Fatal(err)
		}
		if k, err := File(path); k != c.want || err != nil {
			t.Errorf("%v is %v, want %v (%v)", c.names, k, c.want, err)
		}
	}
}
