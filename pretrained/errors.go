package pretrained

import (
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/ksparse/ksparse/internal/fault"
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

// A causedError has a text of its own, which does not repeat that of its cause.
type causedError struct {
	cause error
	text  string
}

func (e *causedError) Error() string { return e.text }
func (e *causedError) Unwrap() error { return e.cause }

// An OptionError is an error to which a field of Options or SaveOptions is the answer. A
// program whose users do not write Go can print Reason and name its own flag for Option.
// errors.As finds it in the errors of this package.
type OptionError struct {
	Option string // the field: "K", "Threshold", "Scale", "Hookpoint" or, of SaveOptions, "Round"
	Reason string // what is wrong, with the file where one is at fault, without names of Go
	Advice string // what a caller in Go can do
	cause  error
}

// Error returns the reason and the advice.
func (e *OptionError) Error() string { return e.Reason + "; " + e.Advice }

// Unwrap returns the cause: one of the errors above, or of package ksparse.
func (e *OptionError) Unwrap() error { return e.cause }

// errorf makes an error of this text that wraps cause.
func errorf(cause error, format string, args ...any) error {
	return &causedError{cause, fmt.Sprintf(format, args...)}
}

// unknown makes an ErrUnknown.
func unknown(format string, args ...any) error { return errorf(ErrUnknown, format, args...) }

// lossy makes an ErrLossy.
func lossy(format string, args ...any) error { return errorf(ErrLossy, format, args...) }

// containerError is an error of opening the file of weights at path, or of the system about
// it.
func containerError(path string, err error) error {
	if fault.FromOS(err) {
		return err
	}
	return unknown("%s: %v", path, err)
}

// withoutPrefix is an error of package ksparse without its prefix.
func withoutPrefix(err error) error {
	if text := fault.Text(err); text != err.Error() {
		return errorf(err, "%s", text)
	}
	return err
}

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

// some joins names for an error: all of them, or the first of them where they are many.
func some(names []string) string {
	const most = 40
	short := make([]string, 0, min(most, len(names)))
	for _, n := range names[:min(most, len(names))] {
		short = append(short, fmt.Sprintf("%.100s", n))
	}
	s := strings.Join(short, ", ")
	if more := len(names) - most; more > 0 {
		s += fmt.Sprintf(" and %d more", more)
	}
	return s
}

// anySize in a wanted shape stands for any size.
const anySize = -1

// shapeText writes a shape, with * for any size.
func shapeText(shape []int) string {
	var sizes []string
	for _, n := range shape {
		if n == anySize {
			sizes = append(sizes, "*")
		} else {
			sizes = append(sizes, strconv.Itoa(n))
		}
	}
	return "[" + strings.Join(sizes, ",") + "]"
}

// figure writes a number with six digits.
func figure(v float64) string { return strconv.FormatFloat(v, 'g', 6, 64) }
