package columnar

import (
	"errors"
	"fmt"

	"github.com/ksparse/ksparse/internal/tensor"
)

// The numbers that Arrow's Schema.fbs gives the types. Those whose layout is like another's
// are only in arrowLayouts.
const (
	arrowInt           = 2
	arrowFloat         = 3
	arrowUtf8          = 5
	arrowList          = 12
	arrowUnion         = 14
	arrowFixedSizeList = 16
	arrowLargeUtf8     = 20
	arrowLargeList     = 21
	arrowUtf8View      = 24
)

// arrowLayouts has the names of the types, and how many buffers an array of each has besides
// those of its children (Columnar.rst, "Buffer Listing for Each Layout").
var arrowLayouts = [...]struct {
	name    string
	buffers int
}{
	1: {"null", 0}, 2: {"integer", 2}, 3: {"float", 2}, 4: {"binary", 3}, 5: {"string", 3}, 6: {"boolean", 2},
	7: {"decimal", 2}, 8: {"date", 2}, 9: {"time", 2}, 10: {"timestamp", 2}, 11: {"interval", 2}, 12: {"list", 2},
	13: {"struct", 1}, 14: {"union", 1}, 15: {"fixed-size binary", 2}, 16: {"fixed-size list", 1}, 17: {"map", 2},
	18: {"duration", 2}, 19: {"large binary", 3}, 20: {"large string", 3}, 21: {"large list", 2},
	22: {"run-end encoded", 0}, 23: {"binary view", 2}, 24: {"string view", 2}, 25: {"list view", 3}, 26: {"large list view", 3},
}

// arrowField is a column, or a child of one.
type arrowField struct {
	name     string
	typ      int
	dtype    tensor.DType // of numbers
	size     int          // of a fixed-size list
	category bool         // the values are numbers of entries in a dictionary
	buffers  int
	children []arrowField
}

// maxFields is how many fields a schema may have, children among them.
const maxFields = 1 << 16

// parseSchema returns the columns that a schema describes, and its metadata.
func parseSchema(schema table) ([]arrowField, map[string]string, error) {
	if schema.int16(0) != 0 {
		return nil, nil, errors.New("its numbers are big-endian, which is not supported")
	}
	left := maxFields
	fields, err := parseFields(schema.tables(1), 0, &left)
	return fields, schema.pairs(2), err
}

// parseFields returns the fields that the tables describe. left is how many there may be.
func parseFields(tables []table, depth int, left *int) ([]arrowField, error) {
	*left -= len(tables)
	if depth > maxDepth || *left < 0 {
		return nil, errors.New("its schema has too many fields, or fields too deep in others")
	}
	fields := make([]arrowField, len(tables))
	for i, t := range tables {
		f := &fields[i]
		f.name, f.typ = t.text(0), t.byte(2)
		if f.typ <= 0 || f.typ >= len(arrowLayouts) {
			return nil, fmt.Errorf("column %q has the type %d, which is unknown", f.name, f.typ)
		}
		f.buffers = arrowLayouts[f.typ].buffers
		if _, f.category = t.table(4); f.category { // the children are those of the dictionary
			f.buffers = 2
			continue
		}
		typ, _ := t.table(3)
		f.describe(typ)
		var err error
		if f.children, err = parseFields(t.tables(5), depth+1, left); err != nil {
			return nil, err
		}
	}
	return fields, nil
}

// describe takes from the table of a type what it says besides its name.
func (f *arrowField) describe(typ table) {
	switch f.typ {
	case arrowInt:
		signed := map[int]tensor.DType{8: tensor.I8, 16: tensor.I16, 32: tensor.I32, 64: tensor.I64}
		unsigned := map[int]tensor.DType{8: tensor.U8, 16: tensor.U16, 32: tensor.U32, 64: tensor.U64}
		if typ.byte(1) != 0 {
			f.dtype = signed[typ.int32(0)]
		} else {
			f.dtype = unsigned[typ.int32(0)]
		}
	case arrowFloat:
		f.dtype = map[int]tensor.DType{0: tensor.F16, 1: tensor.F32, 2: tensor.F64}[typ.int16(0)]
	case arrowFixedSizeList:
		f.size = typ.int32(0)
	case arrowUnion:
		if typ.int16(0) == 1 { // dense: with offsets
			f.buffers++
		}
	}
}

// isView reports whether arrays of f have as many data buffers as each batch says.
func (f *arrowField) isView() bool {
	return !f.category && (f.typ == arrowUtf8View || f.typ == arrowUtf8View-1)
}

// isList reports whether f is a list of one kind or another that rows can be.
func (f *arrowField) isList() bool {
	return !f.category && (f.typ == arrowList || f.typ == arrowLargeList || f.typ == arrowFixedSizeList) && len(f.children) == 1
}

// words says in words what f is.
func (f *arrowField) words() string {
	switch {
	case f.category:
		return "category (dictionary)"
	case f.isList():
		return arrowLayouts[f.typ].name + " of " + f.children[0].words()
	case f.dtype != 0:
		return f.dtype.String()
	}
	return arrowLayouts[f.typ].name
}

// use returns what a column is good for.
func (f *arrowField) use() use {
	switch {
	case f.category:
		return forNothing
	case f.typ == arrowUtf8, f.typ == arrowLargeUtf8, f.typ == arrowUtf8View, f.typ == arrowInt && f.dtype != 0:
		return forTexts
	}
	leaf := f
	for leaf.isList() {
		leaf = &leaf.children[0]
	}
	if leaf != f && leaf.dtype != 0 && !leaf.category {
		return forRows
	}
	return forNothing
}

// place is where the arrays of a column stand among those of a batch.
type place struct{ node, buffer, views int }

// after returns the place after the arrays of f, which stand at p.
func (p place) after(f *arrowField) place {
	p.node++
	p.buffer += f.buffers
	if f.isView() {
		p.views++
	}
	for i := range f.children {
		p = p.after(&f.children[i])
	}
	return p
}
