package columnar

import (
	"errors"

	flatbuffers "github.com/google/flatbuffers/go"
)

// table is a table of a flatbuffer, the encoding of Arrow's metadata. The zero value has no
// fields. The library panics where one leads out of the buffer: who reads one defers damaged.
type table struct{ flatbuffers.Table }

// root returns the table that the flatbuffer b holds.
func root(b []byte) table {
	return table{flatbuffers.Table{Bytes: b, Pos: flatbuffers.GetUOffsetT(b)}}
}

// damaged makes a panic of the library an error.
func damaged(err *error) {
	if recover() != nil {
		*err = errors.New("its metadata is damaged")
	}
}

// field returns where field i of t stands, 0 where t does not have it.
func (t table) field(i int) flatbuffers.UOffsetT {
	if t.Bytes == nil {
		return 0
	}
	if offset := t.Offset(flatbuffers.VOffsetT(4 + 2*i)); offset > 0 { // after two lengths
		return t.Pos + flatbuffers.UOffsetT(offset)
	}
	return 0
}

// byte returns a field of one byte, 0 where it is not there. So do int16, int32 and int64.
func (t table) byte(i int) int {
	if p := t.field(i); p > 0 {
		return int(t.GetByte(p))
	}
	return 0
}

func (t table) int16(i int) int {
	if p := t.field(i); p > 0 {
		return int(t.GetInt16(p))
	}
	return 0
}

func (t table) int32(i int) int {
	if p := t.field(i); p > 0 {
		return int(t.GetInt32(p))
	}
	return 0
}

func (t table) int64(i int) int64 {
	if p := t.field(i); p > 0 {
		return t.GetInt64(p)
	}
	return 0
}

// i64 returns the number at pos, which vector gave.
func (t table) i64(pos int) int64 { return t.GetInt64(flatbuffers.UOffsetT(pos)) }

// table returns the table that field i leads to, and whether there is one.
func (t table) table(i int) (table, bool) {
	p := t.field(i)
	if p == 0 {
		return table{}, false
	}
	return table{flatbuffers.Table{Bytes: t.Bytes, Pos: t.Indirect(p)}}, true
}

// vector returns where the elements of vector i stand and how many they are, each of so
// many bytes. All of them are in the buffer.
func (t table) vector(i, size int) (pos, n int) {
	p := t.field(i)
	if p == 0 {
		return 0, 0
	}
	pos, n = int(t.Vector(p-t.Pos)), t.VectorLen(p-t.Pos)
	_ = t.Bytes[pos : pos+n*size] // or it is damaged
	return pos, n
}

// tables returns the tables of vector i.
func (t table) tables(i int) []table {
	pos, n := t.vector(i, 4)
	list := make([]table, n)
	for j := range list {
		list[j] = table{flatbuffers.Table{Bytes: t.Bytes, Pos: t.Indirect(flatbuffers.UOffsetT(pos + 4*j))}}
	}
	return list
}

// text returns the string that field i is.
func (t table) text(i int) string {
	pos, n := t.vector(i, 1)
	return string(t.Bytes[pos : pos+n])
}

// pairs returns the keys and values of vector i of them.
func (t table) pairs(i int) map[string]string {
	pairs := map[string]string{}
	for _, p := range t.tables(i) {
		pairs[p.text(0)] = p.text(1)
	}
	return pairs
}
