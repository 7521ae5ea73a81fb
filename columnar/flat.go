package columnar

import "encoding/binary"

// flat is a flatbuffer, the encoding of Arrow's metadata. Reading outside of it gives zeros
// and sets bad: who reads asks for that at the end. A lying length can so take no memory.
type flat struct {
	b   []byte
	bad bool
}

// table is a table of a flatbuffer. The zero value has no fields.
type table struct {
	f   *flat
	pos int
}

// root returns the table that the flatbuffer b holds.
func root(b []byte) table {
	f := &flat{b: b}
	return table{f, f.follow(0)}
}

// bytes returns the n bytes at pos, zeros where there are none.
func (f *flat) bytes(pos, n int) []byte {
	if pos < 0 || n < 0 || pos > len(f.b)-n {
		f.bad = true
		return make([]byte, min(max(n, 0), 8))
	}
	return f.b[pos : pos+n]
}

func (f *flat) u16(pos int) int   { return int(binary.LittleEndian.Uint16(f.bytes(pos, 2))) }
func (f *flat) i32(pos int) int   { return int(int32(binary.LittleEndian.Uint32(f.bytes(pos, 4)))) }
func (f *flat) i64(pos int) int64 { return int64(binary.LittleEndian.Uint64(f.bytes(pos, 8))) }

// follow returns the place that the offset at pos leads to. Offsets lead forwards.
func (f *flat) follow(pos int) int {
	offset := f.i32(pos)
	if offset <= 0 {
		f.bad = true
	}
	return pos + offset
}

// field returns where field i of t stands, 0 where t does not have it.
func (t table) field(i int) int {
	if t.f == nil {
		return 0
	}
	vtable := t.pos - t.f.i32(t.pos)
	if 4+2*i+2 > t.f.u16(vtable) {
		return 0
	}
	if offset := t.f.u16(vtable + 4 + 2*i); offset > 0 {
		return t.pos + offset
	}
	return 0
}

// byte returns a field of one byte, 0 where it is not there. So do int16, int32 and int64.
func (t table) byte(i int) int {
	if p := t.field(i); p > 0 {
		return int(t.f.bytes(p, 1)[0])
	}
	return 0
}

func (t table) int16(i int) int {
	if p := t.field(i); p > 0 {
		return int(int16(t.f.u16(p)))
	}
	return 0
}

func (t table) int32(i int) int {
	if p := t.field(i); p > 0 {
		return t.f.i32(p)
	}
	return 0
}

func (t table) int64(i int) int64 {
	if p := t.field(i); p > 0 {
		return t.f.i64(p)
	}
	return 0
}

// table returns the table that field i leads to, and whether there is one.
func (t table) table(i int) (table, bool) {
	p := t.field(i)
	if p == 0 {
		return table{}, false
	}
	return table{t.f, t.f.follow(p)}, true
}

// vector returns where the elements of vector i stand and how many they are, each of so
// many bytes.
func (t table) vector(i, size int) (pos, n int) {
	p := t.field(i)
	if p == 0 {
		return 0, 0
	}
	v := t.f.follow(p)
	n = t.f.i32(v)
	if n < 0 || v+4 > len(t.f.b) || n > (len(t.f.b)-v-4)/size {
		t.f.bad = true
		return 0, 0
	}
	return v + 4, n
}

// tables returns the tables of vector i.
func (t table) tables(i int) []table {
	pos, n := t.vector(i, 4)
	list := make([]table, n)
	for j := range list {
		list[j] = table{t.f, t.f.follow(pos + 4*j)}
	}
	return list
}

// text returns the string that field i is.
func (t table) text(i int) string {
	pos, n := t.vector(i, 1)
	return string(t.f.bytes(pos, n))
}

// pairs returns the keys and values of vector i of them.
func (t table) pairs(i int) map[string]string {
	pairs := map[string]string{}
	for _, p := range t.tables(i) {
		pairs[p.text(0)] = p.text(1)
	}
	return pairs
}
