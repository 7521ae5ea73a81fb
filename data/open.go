package data

import (
	"github.com/ksparse/ksparse/internal/fault"
	"github.com/ksparse/ksparse/internal/mapped"
)

// Options says what files cannot say of themselves. The zero value will do for most.
type Options struct {
	// Tensor is the array of an .npz or safetensors file that holds the rows. "" is the only
	// one of two or more dimensions.
	Tensor string

	// Cols is how many numbers a row has in a file of float32 numbers without a header: .f32,
	// .raw, .bin. It may be 0 for all other files, whose rows must have as many otherwise.
	Cols int

	// Column is what to read of a text file. Of CSV and TSV it is the name of a column, its
	// number from 1, or a range first:last of those; "" is all columns that hold numbers in the first row, but
	// for one whose name is empty, where pandas writes its index. Of JSON lines it is the field with the
	// list of numbers; "" is the only field that holds one.
	Column string
}

// Open opens files of numbers as one Source: the rows of the first, then those of the next.
// Each path is a file, a folder, or a pattern with * ? or [ (see path/filepath.Match), whose
// matches follow in the natural order of the numbers in their names: x2.npy, x10.npy. Of a
// folder these are its files of one format; or, where it has an index such as
// model.safetensors.index.json, the file that the index names for Options.Tensor. Files must
// have equally many columns. Close it when it is no longer needed.
//
// What a file is, its content says, and for formats that have no mark its name:
//
//   - .npy and .npz (arrays in either byte order), safetensors: float64, float32, float16,
//     bfloat16, integers, booleans. An array of more than two dimensions [.., d] gives rows of d
//     numbers; one whose name, or whose file's name, contains hook_z has its last two
//     dimensions joined: [n, heads, d_head] gives n rows of heads·d_head.
//   - .fvecs, .bvecs, .ivecs: vectors that begin with their dimension, as int32.
//   - .fbin, .u8bin, .i8bin: two uint32, rows and columns, then float32, uint8 or int8.
//   - .f32, .raw, .bin with Options.Cols: float32 numbers without a header.
//   - CSV, TSV and other text with a number per field: fields stand between commas, tabs, semicolons
//     or spaces. The first line is a header where a column has no number there and one
//     in the next line, or where neither line has a number.
//   - JSON lines: a list of numbers per line, or an object with one in a field.
//
// Opening reads the headers. A text file is read once as a whole, which checks the width and
// the numbers of each row; of its rows only the place of every 256th stays in memory. Numbers
// are read exactly as they are; NaN and infinities of a binary file are found by those who read them.
//
// Errors name the file, for text the row and column too, and wrap ksparse.ErrFormat (a file that is damaged,
// cut short or of no kind that is read here), ksparse.ErrShape (widths differ, one dimension),
// ksparse.ErrEmpty (no rows), ksparse.ErrNotFinite (in text), ksparse.ErrRange (Options that do not
// fit: where there are several arrays or fields the text lists them), or are those of package os.
func Open(o Options, paths ...string) (*File, error) {
	if o.Cols < 0 {
		return nil, fault.Errorf(fault.ErrRange, "Options.Cols is %d, want the numbers in a row, or 0", o.Cols)
	}
	if len(paths) == 0 {
		return nil, fault.Errorf(fault.ErrEmpty, "no file to open")
	}
	f := &File{files: new(mapped.Set)}
	for _, path := range paths {
		if err := f.addPath(path, o); err != nil {
			f.Close()
			return nil, err
		}
	}
	return f, nil
}

// addPath adds the rows of the file, the folder or the files of the pattern path.
func (f *File) addPath(path string, o Options) error {
	names, err := listFiles(path, o)
	if err != nil {
		return err
	}
	for _, name := range names {
		tensor, err := f.add(name, o)
		if err != nil {
			return err
		}
		if o.Tensor == "" {
			o.Tensor = tensor // the other files have one of that name too
		}
	}
	return nil
}
