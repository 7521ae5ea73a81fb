package codefile

import (
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"sort"

	"github.com/ksparse/ksparse"
	"github.com/ksparse/ksparse/internal/fault"
	"github.com/ksparse/ksparse/internal/mapped"
	"github.com/ksparse/ksparse/internal/natural"
	"github.com/ksparse/ksparse/internal/normal"
	"github.com/ksparse/ksparse/internal/sniff"
	"github.com/ksparse/ksparse/internal/sparse"
)

// File is a Source of the codes of one or more files: see Open. They are read when they are asked for. Its
// methods may be called from any number of goroutines at once.
type File struct {
	files   *mapped.Set
	parts   []filePart
	rows    int
	latents int
	scaled  bool
}

// fileCodes are the codes of one file.
type fileCodes interface {
	about() about
	// read appends the rows lo to hi, which are there. After an error to is void.
	read(to *sparse.Codes, scales *normal.Scales, lo, hi int) error
}

// about is what is known of the codes of a file.
type about struct {
	kind          string // ".ksc"
	what          string // what more there is to say: "float32 values"
	rows, latents int
	entries       int64
	scaled        bool   // the numbers are there by which the rows were normalised
	atLeast       string // where the file does not say how many latents there are: the place of the last one, "line 3"
}

// filePart is a file among those of a File.
type filePart struct {
	about
	codes      fileCodes
	path       string
	start, end int // its rows
}

// Open opens files of codes as one Source: the rows of the first, then those of the next. What a file
// is, its contents say: a .ksc file of Write, a .npz file of scipy.sparse.save_npz with a CSR matrix, or
// JSON lines with an object for each row, {"latents":[3,17],"values":[0.5,1.25]}. Close it when it is no
// longer needed.
//
// Files have codes of equally many latents. JSON lines do not say how many there are: they have as many as
// the other files, else as many as are needed (see Widen). In .npz files and JSON lines the latents of a row
// may stand in any order.
//
// Opening reads the headers of a .ksc file, of which a part with up to 65,536 rows has one. Its contents have
// checksums, each for 64 KiB, which are compared when these bytes are first read. Of a .npz file it reads
// where the rows begin; arrays that are compressed are inflated into memory when they are first read. JSON
// lines are read once as a whole; of them only the place of every 256th stays in memory.
//
// Errors name the file, and the part, row or line in it. They wrap ksparse.ErrFormat (a file that is damaged,
// of no kind that is read here, or ends within a part: the text then says how many rows before it are
// whole), ksparse.ErrShape (other numbers of latents), ksparse.ErrEmpty (no rows), ksparse.ErrRange or
// ksparse.ErrNotFinite (in JSON lines), or are those of package os.
func Open(paths ...string) (*File, error) {
	if len(paths) == 0 {
		return nil, fault.Errorf(fault.ErrEmpty, "no file to open")
	}
	f := &File{files: new(mapped.Set)}
	for _, path := range paths {
		if err := f.add(path); err != nil {
			f.files.Close() // read only
			return nil, err
		}
	}
	if err := f.join(); err != nil {
		f.files.Close() // read only
		return nil, err
	}
	return f, nil
}

// readers has what finds the codes in a file, by its kind.
var readers = map[sniff.Kind]func(file *mapped.File, path string) (fileCodes, error){
	sniff.Codes: openParts, sniff.Npz: openNpz, sniff.JSON: openLines,
}

// add adds the file at path.
func (f *File) add(path string) error {
	is, err := sniff.File(path)
	if err != nil {
		return fault.Errorf(err, "%s", err)
	}
	if e := ending(path); is == sniff.Text && (e == ".jsonl" || e == ".ndjson") {
		is = sniff.JSON
	}
	open := readers[is]
	if open == nil {
		return fault.Advise(fault.ErrFormat, "codefile.Open reads .ksc, .npz of scipy.sparse and JSON lines", "%s is %s", path, is.Instead("codes"))
	}
	file, err := f.files.Open(path)
	if err != nil {
		return fault.Errorf(err, "%s", err)
	}
	codes, err := open(file, path)
	if err != nil {
		return fault.InFile(path, err)
	}
	a := codes.about()
	switch {
	case a.rows == 0:
		return fault.Errorf(fault.ErrEmpty, "%s holds no codes", path)
	case a.rows > math.MaxInt/8-f.rows:
		return fault.Errorf(fault.ErrShape, "up to %s there are more rows than can be counted", path)
	}
	f.parts = append(f.parts, filePart{a, codes, path, f.rows, f.rows + a.rows})
	f.rows += a.rows
	return nil
}

// join finds out how many latents all files have, and checks that they fit.
func (f *File) join() error {
	first := &f.parts[0]
	for i := range f.parts {
		switch p := &f.parts[i]; {
		case p.scaled != first.scaled:
			return fault.Errorf(fault.ErrShape, "%s and %s: one has the numbers by which its rows were normalised, the other has not", first.path, p.path)
		case p.atLeast == "" && first.atLeast != "" || p.atLeast != "" && first.atLeast != "" && p.latents > first.latents:
			first = p // one that says how many there are, or of those that do not the one with most
		}
	}
	f.latents, f.scaled = first.latents, first.scaled
	for i := range f.parts {
		switch p := &f.parts[i]; {
		case p.atLeast == "" && p.latents != f.latents:
			return fault.Errorf(fault.ErrShape, "%s has codes of %d latents, %s of %d", p.path, p.latents, first.path, f.latents)
		case p.atLeast != "" && p.latents > f.latents:
			return p.tooFew(f.latents)
		}
	}
	return nil
}

// tooFew is the error for JSON lines that have a latent beyond the given number.
func (p *filePart) tooFew(latents int) error {
	return fault.Errorf(fault.ErrShape, "%s: %s has latent %d, want latents from 0 to %d", p.path, p.atLeast, p.latents-1, latents-1)
}

// tooWide is the error for a file with more latents than the given number.
func (f *File) tooWide(latents int) error {
	for i := range f.parts {
		switch p := &f.parts[i]; {
		case p.atLeast == "":
			return fault.Errorf(fault.ErrShape, "%s has codes of %d latents, want %d at most", p.path, p.latents, latents)
		case p.latents > latents:
			return p.tooFew(latents)
		}
	}
	return nil
}

// Dims returns the number of rows of all files together and of latents, also once f is closed.
func (f *File) Dims() (rows, latents int) {
	if f == nil {
		return 0, 0
	}
	return f.rows, f.latents
}

// fileOf returns the file in which row is.
func (f *File) fileOf(row int) *filePart {
	return &f.parts[sort.Search(len(f.parts), func(i int) bool { return f.parts[i].end > row })]
}

// ReadCodes makes dst the codes of the rows lo to hi: see Source. In the steady state it makes no
// garbage, except for JSON lines. Errors wrap ksparse.ErrRange or ksparse.ErrEmpty, or name the file: they are
// os.ErrClosed once f is closed, io.ErrUnexpectedEOF for a file that was cut short meanwhile, and wrap
// ksparse.ErrFormat or ksparse.ErrNotFinite for contents that are damaged where opening does not look.
func (f *File) ReadCodes(dst *ksparse.Codes, lo, hi int) error {
	rows, latents := f.Dims()
	if err := check(dst, lo, hi, rows); err != nil {
		return err
	}
	to, scales := emptied(dst, latents)
	for lo < hi {
		in := f.fileOf(lo)
		end := min(hi, in.end)
		if err := f.read(in, to, scales, lo-in.start, end-in.start); err != nil {
			emptied(dst, latents)
			return err
		}
		lo = end
	}
	return nil
}

// read appends the rows lo to hi of a file.
func (f *File) read(in *filePart, to *sparse.Codes, scales *normal.Scales, lo, hi int) error {
	if err := f.files.Check(in.path); err != nil {
		return fault.Errorf(err, "%s", err)
	}
	if err := in.codes.read(to, scales, lo, hi); err != nil {
		return readError(in.path, err)
	}
	return nil
}

// readError is fault.InFile for an error of reading: a file that is shorter than it was may have been sound.
func readError(path string, err error) error {
	if errors.Is(err, io.ErrUnexpectedEOF) && !fault.FromOS(err) {
		return fault.Errorf(err, "%s: %s", path, fault.Text(err))
	}
	return fault.InFile(path, err)
}

// Close closes all files. Of a File that Open did not make, nil too, the error wraps os.ErrInvalid; of a
// closed one os.ErrClosed.
func (f *File) Close() error {
	if f == nil || f.files == nil {
		return os.ErrInvalid
	}
	return f.files.Close()
}

// String says in one line what was found, as in
// `2 .ksc files, float32 values, 1,200,000 rows of 4,096 latents, 38,400,000 entries`.
func (f *File) String() string {
	if f == nil || len(f.parts) == 0 {
		return "no files"
	}
	kind, what := f.parts[0].kind+" ", f.parts[0].what
	entries := int64(0)
	for i := range f.parts {
		p := &f.parts[i]
		entries += p.entries
		if p.kind+" " != kind {
			kind = ""
		}
		if p.what != what {
			what = ""
		}
	}
	if what != "" {
		what += ", "
	}
	files := "files"
	if len(f.parts) == 1 {
		files = "file"
	}
	return fmt.Sprintf("%s %s%s, %s%s rows of %s latents, %s entries", natural.Number(len(f.parts)), kind, files, what,
		natural.Number(f.rows), natural.Number(f.latents), natural.Number(int(entries)))
}
