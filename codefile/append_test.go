package codefile

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/ksparse/ksparse"
	"github.com/ksparse/ksparse/internal/atomicfile"
)

// add appends codes to a file.
func add(t testing.TB, path string, c *ksparse.Codes) {
	t.Helper()
	_, err := Append(context.Background(), path, FromCodes(c), Options{})
	must(t, err)
}

// TestAppend: what is appended follows what was there, whatever its precision, and those who have the file open
// go on reading.
func TestAppend(t *testing.T) {
	small(t, 10, 1<<21)
	a, b := someCodes(t, 1, 25, 40, 0, 100), someCodes(t, 2, 13, 40, 4, 100)
	path := filepath.Join(t.TempDir(), "a.ksc")
	add(t, path, a) // makes it
	before := opened(t, path)
	add(t, path, b)
	sum, err := Append(context.Background(), path, FromCodes(a), Options{Values: Float32})
	must(t, err)
	if sum.Rows != 25 || sum.Error == 0 {
		t.Errorf("%+v", sum)
	}
	sameCodes(t, before, a)
	single := rounded(a, func(v float64) float64 { return float64(float32(v)) })
	f := opened(t, path)
	sameCodes(t, f, joined(t, a, b, single))
	if !strings.Contains(f.String(), "values of several precisions") {
		t.Error(f)
	}
	whole := readFile(t, path)
	for _, c := range []struct {
		src  Source
		want error
	}{{FromCodes(someCodes(t, 1, 3, 41, 0, 1)), ksparse.ErrShape}, {nil, ksparse.ErrEmpty}, {failing{FromCodes(a), 12}, errFailed}} {
		if _, err := Append(context.Background(), path, c.src, Options{}); !errors.Is(err, c.want) {
			t.Errorf("error %v, want %v", err, c.want)
		}
		if string(readFile(t, path)) != string(whole) {
			t.Fatal("the file is another one after an error")
		}
	}
	npz := written(t, "c.npz", a, Options{})
	if _, err := Append(context.Background(), npz, FromCodes(a), Options{}); !errors.Is(err, ksparse.ErrFormat) {
		t.Errorf("to a .npz file: %v", err)
	}
}

// errFailed is the error of a source that fails.
var errFailed = errors.New("failed")

// failing fails from a row on.
type failing struct {
	Source
	from int
}

// ReadCodes fails from a row on.
func (f failing) ReadCodes(dst *ksparse.Codes, lo, hi int) error {
	if hi > f.from {
		return errFailed
	}
	return f.Source.ReadCodes(dst, lo, hi)
}

// TestCut: a file that is cut anywhere is refused, with the number of rows that are whole, unless it ends between
// two parts; what is appended then follows these, and an append of nothing leaves these.
func TestCut(t *testing.T) {
	small(t, 3, 1<<21)
	codes, more := someCodes(t, 1, 8, 12, 0, 100), someCodes(t, 2, 2, 12, 0, 100)
	whole := readFile(t, written(t, "a.ksc", codes, Options{Values: Float16}))
	want := rounded(codes, func(v float64) float64 { _, kept := float16(v); return kept })
	parts := opened(t, writeFile(t, "a.ksc", whole)).parts[0].codes.(*partsFile).parts
	if len(parts) != 3 {
		t.Fatalf("%d parts", len(parts))
	}
	step := 1
	if testing.Short() {
		step = 5
	}
	for n := 1; n <= len(whole); n += step {
		rows, boundary := 0, false
		for _, p := range parts {
			if p.at.end <= int64(n) {
				rows, boundary = p.first+p.rows, p.at.end == int64(n)
			}
		}
		path := writeFile(t, "a.ksc", whole[:n])
		if n < 8 { // not even the mark is there
			if _, err := Open(path); !errors.Is(err, ksparse.ErrFormat) {
				t.Fatalf("%d bytes: %v", n, err)
			}
			continue
		}
		f, err := Open(path)
		switch {
		case boundary:
			must(t, err)
			sameCodes(t, f, first(t, want, rows))
			f.Close()
		case !errors.Is(err, ksparse.ErrFormat) || !strings.Contains(err.Error(), fmt.Sprintf("the %d rows in the parts before are whole", rows)):
			t.Fatalf("%d bytes: error %v, want one with %d rows", n, err, rows)
		}
		if n%13 != 0 && !boundary {
			continue // to append waits for the disk
		}
		if n%2 == 0 {
			add(t, path, new(ksparse.Codes))
			if rows > 0 {
				sameCodes(t, opened(t, path), first(t, want, rows))
			}
		}
		add(t, path, more)
		sameCodes(t, opened(t, path), joined(t, first(t, want, rows), more))
	}
}

// first returns the first n rows of c.
func first(t *testing.T, c *ksparse.Codes, n int) *ksparse.Codes {
	t.Helper()
	part := new(ksparse.Codes)
	must(t, FromCodes(c).ReadCodes(part, 0, n))
	return part
}

// TestForeignEnd: bytes that are no part are not taken for one that was cut, and are never removed.
func TestForeignEnd(t *testing.T) {
	small(t, 3, 1<<21)
	codes := someCodes(t, 1, 8, 12, 0, 100)
	whole := readFile(t, written(t, "a.ksc", codes, Options{}))
	damaged := append([]byte(nil), whole...)
	damaged[opened(t, writeFile(t, "a.ksc", whole)).parts[0].codes.(*partsFile).parts[1].start+20]++ // a header in the middle
	for what, b := range map[string][]byte{"a letter": append(whole[:len(whole):len(whole)], 'x'), "zeros": append(whole[:len(whole):len(whole)], make([]byte, 64)...), "a damaged header": damaged} {
		path := writeFile(t, "a.ksc", b)
		if _, err := Open(path); !errors.Is(err, ksparse.ErrFormat) {
			t.Errorf("%s: %v", what, err)
		}
		if _, err := Append(context.Background(), path, FromCodes(codes), Options{}); !errors.Is(err, ksparse.ErrFormat) {
			t.Errorf("%s: appended: %v", what, err)
		}
		if string(readFile(t, path)) != string(b) {
			t.Errorf("%s: the file was changed", what)
		}
	}
}

// TestTwoAppends: a second append meanwhile is an error.
func TestTwoAppends(t *testing.T) {
	codes := someCodes(t, 1, 8, 12, 0, 100)
	path := written(t, "a.ksc", codes, Options{})
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	must(t, err)
	must(t, atomicfile.Lock(f))
	g, err := os.OpenFile(path, os.O_RDWR, 0)
	must(t, err)
	defer g.Close()
	if atomicfile.Lock(g) == nil {
		t.Skip("files cannot be locked here")
	}
	var held *fs.PathError
	if _, err := Append(context.Background(), path, FromCodes(codes), Options{}); !errors.As(err, &held) || !strings.Contains(err.Error(), "under way") {
		t.Error(err)
	}
	f.Close()
	add(t, path, codes)
}

// childVariable tells a process that it is the child of TestKilled, and which file it appends to.
const childVariable = "KSPARSE_CODEFILE_CHILD"

// stalling says a word when it is asked for rows beyond a number, and then waits to be killed.
type stalling struct {
	Source
	from int
}

// ReadCodes waits at the end.
func (s stalling) ReadCodes(dst *ksparse.Codes, lo, hi int) error {
	if hi > s.from {
		fmt.Println("half way")
		time.Sleep(time.Hour)
	}
	return s.Source.ReadCodes(dst, lo, hi)
}

// TestKilled: a process is killed while it appends, in the middle of a part. The file keeps all rows whose append had
// ended, and what is appended after that follows whole ones.
func TestKilled(t *testing.T) {
	const latents, firstRows, secondRows = 3000, 100, 40 * block
	first, second := someCodes(t, 1, firstRows, latents, 20, 100), someCodes(t, 2, secondRows, latents, 5, 100)
	small(t, 3000, 1<<21)
	if path := os.Getenv(childVariable); path != "" {
		add(t, path, first)
		_, err := Append(context.Background(), path, stalling{FromCodes(second), secondRows - 1}, Options{})
		must(t, err)
	}
	path := filepath.Join(t.TempDir(), "a.ksc")
	child := exec.Command(os.Args[0], "-test.run=^TestKilled$")
	child.Env = append(os.Environ(), childVariable+"="+path)
	output, err := child.StdoutPipe()
	must(t, err)
	must(t, child.Start())
	t.Cleanup(func() { child.Process.Kill(); child.Wait() })
	if line, err := bufio.NewReader(output).ReadString('\n'); line != "half way\n" {
		t.Fatalf("the child says %q, %v", line, err)
	}
	must(t, child.Process.Kill())
	if child.Wait() == nil {
		t.Fatal("the child ended before it was killed")
	}
	if _, err := Open(path); !errors.Is(err, ksparse.ErrFormat) || !strings.Contains(err.Error(), "is not whole") {
		t.Fatalf("the file can be opened: %v", err)
	}
	add(t, path, first)
	f := opened(t, path)
	total, _ := f.Dims()
	between := total - 2*firstRows
	t.Logf("%d rows of the append that was killed are there", between)
	if between < 0 || between >= secondRows || between%mostRows != 0 {
		t.Fatalf("%d rows", total)
	}
	part := new(ksparse.Codes)
	must(t, FromCodes(second).ReadCodes(part, 0, between))
	sameCodes(t, f, joined(t, first, part, first))
}
