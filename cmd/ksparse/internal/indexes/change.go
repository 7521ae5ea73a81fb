package indexes

import (
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"

	"github.com/ksparse/ksparse/cmd/ksparse/internal/rows"
)

// AddTexts keeps the texts of rows that are about to be added. Where that does not come to pass, the next change passes them
// over.
func (x *Index) AddTexts(texts rows.Texts) error {
	about := x.About
	about.Texts = slices.Clone(about.Texts)
	if err := about.AddTexts(x.path, texts, x.Next()); err != nil {
		return err
	}
	return about.Write(x.path)
}

// DropTexts takes the texts of rows that were deleted out of the files. It ends the use of texts of x.
func (x *Index) DropTexts() error {
	if !x.HasTexts() {
		return nil
	}
	rows := x.Next()
	if rows > math.MaxInt {
		return fmt.Errorf("%s has had %d rows, too many for this machine", x.path, rows)
	}
	one := Part{File: x.About.newFile(), Rows: int(rows)}
	err := one.write(x.path, func(i int) (string, error) {
		if !x.Has(int64(i)) {
			return "", nil
		}
		return x.Text(int64(i))
	})
	if err != nil {
		return err
	}
	old := x.About.Texts
	x.About.Texts = []Part{one}
	if err := x.About.Write(x.path); err != nil {
		return err
	}
	err = x.texts.close()
	x.texts = nil
	for _, p := range old {
		os.Remove(filepath.Join(x.path, p.File)) // one that is left does no harm but to take space
	}
	return err
}
