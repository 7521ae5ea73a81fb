package npy

import (
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/ksparse/ksparse/internal/tensor"
)

// parseHeader reads the text of a header, a Python dict of exactly descr,
// fortran_order and shape, padded with spaces and ended by a newline.
func parseHeader(text string) (tensor.Layout, error) {
	p := &parser{rest: strings.TrimRight(text, " \t\r\n")}
	var layout tensor.Layout
	fortran := false
	seen := map[string]bool{}
	if err := p.expect("{"); err != nil {
		return layout, err
	}
	for !p.accept("}") {
		key, err := p.text()
		if err != nil {
			return layout, err
		}
		if seen[key] {
			return layout, fmt.Errorf("%.40q is there twice", key)
		}
		seen[key] = true
		if err := p.expect(":"); err != nil {
			return layout, err
		}
		switch key {
		case "descr":
			layout.DType, layout.BigEndian, err = p.descr()
		case "fortran_order":
			fortran, err = p.boolean()
		case "shape":
			layout.Shape, err = p.shape()
		default:
			err = errors.New("unknown")
		}
		if err != nil {
			return layout, fmt.Errorf("%.40q: %w", key, err)
		}
		if !p.accept(",") {
			if err := p.expect("}"); err != nil {
				return layout, err
			}
			break
		}
	}
	if p.space(); p.rest != "" {
		return layout, fmt.Errorf("%.40q after the dict", p.rest)
	}
	if len(seen) != 3 {
		return layout, errors.New("want descr, fortran_order and shape")
	}
	if _, err := tensor.Count(layout.Shape); err == nil && fortran {
		layout.Strides = tensor.ColumnMajor(layout.Shape)
	}
	return layout, nil
}

// types are the element types that can be read, by the names that they have after the
// byte order.
var types = map[string]tensor.DType{
	"f8": tensor.F64, "f4": tensor.F32, "f2": tensor.F16,
	"i8": tensor.I64, "i4": tensor.I32, "i2": tensor.I16, "i1": tensor.I8,
	"u8": tensor.U64, "u4": tensor.U32, "u2": tensor.U16, "u1": tensor.U8,
	"b1": tensor.Bool,
}

// parseDescr returns the type that a descr such as "<f4" names, and whether it is
// big-endian.
func parseDescr(descr string) (tensor.DType, bool, error) {
	if len(descr) < 2 {
		return 0, false, fmt.Errorf("no type %.40q", descr)
	}
	order, kind := descr[0], descr[1:]
	d, ok := types[kind]
	switch {
	case kind[0] == 'O':
		return 0, false, fmt.Errorf("type %.40q: Python objects, which are a pickle and never read; save an array of numbers", descr)
	case kind[0] == 'V':
		return 0, false, fmt.Errorf("type %.40q: raw bytes, as NumPy writes bfloat16; save it as float32", descr)
	case !ok:
		return 0, false, fmt.Errorf("type %.40q: want numbers such as <f4, <f8, <i8 or |u1", descr)
	case order == '<' || order == '>' && d.Size() > 1 || order == '|' && d.Size() == 1:
		return d, order == '>', nil
	}
	return 0, false, fmt.Errorf("type %.40q: byte order %q, want < or >", descr, order)
}

// A parser reads the few kinds of Python literal that a header has.
type parser struct{ rest string }

func (p *parser) space() { p.rest = strings.TrimLeft(p.rest, " \t\r\n") }

// next quotes what comes next, for errors.
func (p *parser) next() string {
	if p.rest == "" {
		return "the end of the header"
	}
	return fmt.Sprintf("%.40q", p.rest)
}

// accept skips token if it comes next.
func (p *parser) accept(token string) bool {
	p.space()
	rest, ok := strings.CutPrefix(p.rest, token)
	p.rest = rest
	return ok
}

// expect skips token, which must come next.
func (p *parser) expect(token string) error {
	if !p.accept(token) {
		return fmt.Errorf("%s, want %q", p.next(), token)
	}
	return nil
}

// text reads a string without escapes.
func (p *parser) text() (string, error) {
	for _, quote := range []string{"'", `"`} {
		if p.accept(quote) {
			s, rest, ok := strings.Cut(p.rest, quote)
			if !ok || strings.ContainsAny(s, "\\\n") {
				return "", fmt.Errorf("%.40q is no plain string", p.rest)
			}
			p.rest = rest
			return s, nil
		}
	}
	return "", fmt.Errorf("%s, want a string", p.next())
}

// descr reads a type and whether it is big-endian.
func (p *parser) descr() (tensor.DType, bool, error) {
	if p.accept("[") {
		return 0, false, errors.New("a structured type; save its fields as arrays of their own")
	}
	descr, err := p.text()
	if err != nil {
		return 0, false, err
	}
	return parseDescr(descr)
}

// boolean reads True or False.
func (p *parser) boolean() (bool, error) {
	switch {
	case p.accept("True"):
		return true, nil
	case p.accept("False"):
		return false, nil
	}
	return false, fmt.Errorf("%s, want True or False", p.next())
}

// shape reads a tuple of sizes; never nil.
func (p *parser) shape() ([]int, error) {
	if err := p.expect("("); err != nil {
		return nil, err
	}
	shape := []int{}
	for comma := true; !p.accept(")"); {
		if !comma {
			return nil, fmt.Errorf("%s, want a comma", p.next())
		}
		digits := p.rest[:len(p.rest)-len(strings.TrimLeft(p.rest, "0123456789"))]
		n, err := strconv.Atoi(digits)
		if err != nil {
			return nil, fmt.Errorf("%s is no size of a dimension", p.next())
		}
		p.rest = p.rest[len(digits):]
		p.accept("L") // Python 2
		shape = append(shape, n)
		if comma = p.accept(","); !comma && len(shape) == 1 {
			return nil, errors.New("want a tuple, (n,) for one dimension")
		}
	}
	return shape, nil
}
