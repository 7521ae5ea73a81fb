package fault

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math"
	"os"
	"strings"
	"testing"
)

func TestErrorfWrapsItsCause(t *testing.T) {
	err := Errorf(ErrShape, "x has %d columns, want %d", 3, 4)
	if !errors.Is(err, ErrShape) || errors.Is(err, ErrRange) {
		t.Errorf("%v does not wrap Shape alone", err)
	}
	if got, want := err.Error(), "ksparse: x has 3 columns, want 4"; got != want {
		t.Errorf("text %q, want %q", got, want)
	}
	if got, want := Text(err), "x has 3 columns, want 4"; got != want {
		t.Errorf("Text %q, want %q", got, want)
	}
	if got := Text(io.EOF); got != "EOF" {
		t.Errorf("Text of a foreign error is %q", got)
	}
	outer := Errorf(err, "reading: %s", Text(err))
	if !errors.Is(outer, ErrShape) || outer.Error() != "ksparse: reading: x has 3 columns, want 4" {
		t.Errorf("outer error: %v", outer)
	}
}

func TestFirst(t *testing.T) {
	if err := First(nil, nil); err != nil {
		t.Errorf("First of nils is %v", err)
	}
	if err := First(nil, ErrRange, ErrShape); err != ErrRange {
		t.Errorf("First is %v, want Range", err)
	}
}

func TestChecks(t *testing.T) {
	nan, inf := math.NaN(), math.Inf(1)
	for _, c := range []struct {
		err error
		ok  bool
	}{
		{NotNegative("v", 0), true}, {NotNegative("v", math.MaxFloat64), true}, {NotNegative("v", -1e-300), false},
		{NotNegative("v", inf), false}, {NotNegative("v", nan), false},
		{Fraction("v", 0), true}, {Fraction("v", 0.999), true}, {Fraction("v", 1), false}, {Fraction("v", -0.1), false}, {Fraction("v", nan), false},
		{Share("v", 0), true}, {Share("v", 1), true}, {Share("v", 1.001), false}, {Share("v", -0.1), false}, {Share("v", nan), false},
		{Count("v", 0), true}, {Count("v", -1), false},
	} {
		if (c.err == nil) != c.ok || c.err != nil && !errors.Is(c.err, ErrRange) {
			t.Errorf("got %v, want success %v", c.err, c.ok)
		}
	}
	if got, want := Fraction("Adam.Beta1", 2).Error(), "ksparse: Adam.Beta1 is 2, want 0 <= Adam.Beta1 < 1"; got != want {
		t.Errorf("text %q, want %q", got, want)
	}
}

// TestIn: the path comes to every error but those of package os, whatever words the text has.
func TestIn(t *testing.T) {
	for _, c := range []struct {
		err  error
		path string
		want bool
	}{
		{&fs.PathError{Op: "open", Path: "net", Err: fs.ErrNotExist}, "net", true},
		{fmt.Errorf("wrapped: %w", &os.LinkError{Op: "rename", Old: "a", New: "b", Err: fs.ErrExist}), "b", true},
		{Errorf(ErrFormat, "the network file is a short one"), "a", false},
		{Errorf(ErrFormat, "the network file"), "net", false},
		{Errorf(ErrFormat, "x.ksp is empty"), "x.ksp", false},
	} {
		if got := FromOS(c.err); got != c.want {
			t.Errorf("%q is of package os: %v, want %v", c.err, got, c.want)
		}
		if named := In(c.path, c.err); strings.HasSuffix(named.Error(), "(in "+c.path+")") == c.want || !errors.Is(named, c.err) {
			t.Errorf("In gives %q", named)
		}
	}
}

// TestInFile: the path comes first, once, and a file of no other fault is damaged.
func TestInFile(t *testing.T) {
	plain := errors.New("cut short")
	gone := &fs.PathError{Op: "open", Path: "x.npy", Err: fs.ErrNotExist}
	for _, c := range []struct {
		err    error
		causes []error
		format bool
		text   string
	}{
		{plain, []error{plain}, true, "ksparse: x.npy: cut short"},
		{Errorf(ErrFormat, "cut short"), nil, true, "ksparse: x.npy: cut short"},
		{Errorf(ErrShape, "too wide"), []error{ErrShape}, false, "ksparse: x.npy: too wide"},
		{fmt.Errorf("row 3: %w", ErrNotFinite), []error{ErrNotFinite}, false, "ksparse: x.npy: row 3: not a finite number"},
		{gone, []error{fs.ErrNotExist}, false, "ksparse: " + gone.Error()},
	} {
		got := InFile("x.npy", c.err)
		if got.Error() != c.text || errors.Is(got, ErrFormat) != c.format {
			t.Errorf("of %q: %q, a damaged file: %v; want %q, %v", c.err, got, errors.Is(got, ErrFormat), c.text, c.format)
		}
		for _, cause := range c.causes {
			if !errors.Is(got, cause) {
				t.Errorf("%q does not wrap %q", got, cause)
			}
		}
	}
}

// TestAdvise: the advice is a part of its own, which the text of an error around it has.
func TestAdvise(t *testing.T) {
	err := fmt.Errorf("outer: %w", Advise(ErrFormat, "LoadFile opens it", "%s is a network file", "x"))
	if !errors.Is(err, ErrFormat) || err.Error() != "outer: ksparse: x is a network file: LoadFile opens it" {
		t.Errorf("error: %v", err)
	}
	var advised interface{ Reason() string }
	if !errors.As(err, &advised) || advised.Reason() != "x is a network file" {
		t.Errorf("the reason of %v", err)
	}
	if err := Advise(ErrFormat, "", "x is empty"); !errors.Is(err, ErrFormat) || err.Error() != "ksparse: x is empty" {
		t.Errorf("without advice: %v", err)
	}
}
