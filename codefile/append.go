package codefile

import (
	"bufio"
	"errors"
	"io"
	"os"

	"github.com/ksparse/ksparse/internal/atomicfile"
	"github.com/ksparse/ksparse/internal/fault"
	"github.com/ksparse/ksparse/internal/sniff"
)

// appendTo is Append for a file that exists.
func appendTo(path string, in *input) (err error) {
	if is, err := sniff.File(path); err != nil || is != sniff.Empty {
		if err := sniff.Want(path, sniff.Codes); err != nil {
			return err
		}
	}
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		return fault.Errorf(err, "%s", err)
	}
	defer func() { // the file has been synced
		if closing := f.Close(); err == nil && closing != nil {
			err = inFile(path, closing)
		}
	}()
	if err := atomicfile.Lock(f); err != nil {
		return fault.Errorf(err, "%s", err)
	}
	info, err := f.Stat()
	if err != nil {
		return fault.Errorf(err, "%s", err)
	}
	parts, whole, err := scan(f, info.Size())
	var cut *cutError
	if err != nil && !errors.As(err, &cut) {
		return fault.InFile(path, err)
	}
	w := &partWriter{layout: layout{latents: in.latents, precision: in.options.Values}, sum: &in.sum}
	if err := w.after(parts, in); err != nil {
		return inFile(path, err)
	}
	if cut != nil { // what is there of its part goes
		if err := f.Truncate(whole); err != nil {
			return inFile(path, err)
		}
	}
	if err := w.appendAll(f, whole, in); err != nil {
		return inFile(path, errors.Join(err, f.Truncate(whole)))
	}
	return nil
}

// after makes w one that goes on after parts, and checks that the codes fit those.
func (w *partWriter) after(parts []*part, in *input) error {
	if len(parts) == 0 || in.rows == 0 {
		return nil
	}
	last := parts[len(parts)-1]
	if last.latents != in.latents {
		return fault.Errorf(fault.ErrShape, "codes of %d latents are appended to codes of %d", in.latents, last.latents)
	}
	w.known, w.layout.scaled = true, last.scaled
	return nil
}

// appendAll writes the codes from byte at of f on, and syncs it.
func (w *partWriter) appendAll(f *os.File, at int64, in *input) error {
	if _, err := f.Seek(at, io.SeekStart); err != nil {
		return err
	}
	to := bufio.NewWriterSize(f, 1<<16)
	w.to = to
	if err := w.all(in); err != nil {
		return err
	}
	if err := to.Flush(); err != nil {
		return err
	}
	return f.Sync()
}
