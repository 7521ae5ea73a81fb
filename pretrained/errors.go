package pretrained

import (
	"errors"
	"fmt"
)

// The errors of this package wrap one of these, or one of package ksparse
// (ErrUnset, ErrNotFinite, ErrShape), or are those of the file system. The text
// names the file, the field or tensor, what was wanted and what came.
var (
	// ErrUnknown: the path holds no model of a known format, or a field or tensor
	// of it is missing, damaged, contradicts another or is not understood. Nothing
	// is ever guessed instead.
	ErrUnknown = errors.New("not a model that is understood")

	// ErrSeveral: the folder holds several models. The text lists them; name one
	// in Options.Hookpoint.
	ErrSeveral = errors.New("several models")

	// ErrLossy: the format to save as cannot express the network, or its numbers.
	// Another format may, or SaveOptions.Round allows the rounding.
	ErrLossy = errors.New("the format cannot express the network")
)

type causedError struct {
	cause error
	text  string
}

func (e *causedError) Error() string { return e.text }
func (e *causedError) Unwrap() error { return e.cause }

// errorf makes an error of this text that wraps cause.
func errorf(cause error, format string, args ...any) error {
	return &causedError{cause, fmt.Sprintf(format, args...)}
}

// unknown makes an ErrUnknown.
func unknown(format string, args ...any) error { return errorf(ErrUnknown, format, args...) }

// faults keeps the first error of a sequence of steps, each of which does nothing
// and returns zero once there is one. So a reader of a format states one field
// after the other, and checks at the places where a zero would do harm.
type faults struct{ err error }

// fail keeps err, nil for no error, if it is the first.
func (f *faults) fail(err error) {
	if f.err == nil {
		f.err = err
	}
}
