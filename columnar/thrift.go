package columnar

// compact reads thrift's compact protocol, the encoding of Parquet's metadata. Reading past
// the end gives zeros and sets bad: who reads asks for that at the end. Nothing is allocated
// by a length that the file states.
type compact struct {
	b   []byte
	pos int
	bad bool
}

// The types of the compact protocol.
const (
	thriftTrue   = 1
	thriftFalse  = 2
	thriftByte   = 3
	thriftI16    = 4
	thriftI32    = 5
	thriftI64    = 6
	thriftDouble = 7
	thriftBinary = 8
	thriftList   = 9
	thriftSet    = 10
	thriftMap    = 11
	thriftStruct = 12
)

// maxDepth is how deep structs and lists may stand in one another.
const maxDepth = 32

// next returns the next n bytes, nothing where there are fewer.
func (c *compact) next(n uint64) []byte {
	if c.bad || n > uint64(len(c.b)-c.pos) {
		c.bad = true
		return nil
	}
	c.pos += int(n)
	return c.b[c.pos-int(n) : c.pos]
}

// byte returns the next byte.
func (c *compact) byte() byte {
	if b := c.next(1); b != nil {
		return b[0]
	}
	return 0
}

// uvarint returns the next number, which has seven bits in each byte.
func (c *compact) uvarint() (v uint64) {
	for shift := 0; shift < 64; shift += 7 {
		b := c.byte()
		v |= uint64(b&0x7f) << shift
		if b < 0x80 {
			return v
		}
	}
	c.bad = true
	return 0
}

// int returns the next number with a sign.
func (c *compact) int() int64 {
	u := c.uvarint()
	return int64(u>>1) ^ -int64(u&1)
}

// text returns the next string.
func (c *compact) text() string { return string(c.next(c.uvarint())) }

// fields calls f for each field of the struct that comes. Where f returns false it has not
// read the field, which is then skipped.
func (c *compact) fields(f func(id int, kind byte) bool) { c.fieldsAt(0, f) }

// fieldsAt is fields of a struct that stands so deep in others.
func (c *compact) fieldsAt(depth int, f func(id int, kind byte) bool) {
	for id := 0; !c.bad; {
		head := c.byte()
		if head == 0 {
			return
		}
		if delta := int(head >> 4); delta > 0 {
			id += delta
		} else {
			id = int(int16(c.int()))
		}
		if kind := head & 15; c.bad || !f(id, kind) {
			c.skip(kind, depth+1)
		}
	}
}

// list returns the type and the number of the elements of the list that comes. Each of them
// takes a byte or more.
func (c *compact) list() (kind byte, n int) {
	head := c.byte()
	count := uint64(head >> 4)
	if count == 15 {
		count = c.uvarint()
	}
	if count > uint64(len(c.b)-c.pos) {
		c.bad = true
		return 0, 0
	}
	return head & 15, int(count)
}

// structs calls f for each element of the list of structs that comes. It returns false, and
// has read nothing, where kind is not a list.
func (c *compact) structs(kind byte, f func()) bool {
	if kind != thriftList {
		return false
	}
	element, n := c.list()
	if n > 0 && element != thriftStruct {
		c.bad = true
	}
	for i := 0; i < n && !c.bad; i++ {
		f()
	}
	return true
}

// skip reads over a value.
func (c *compact) skip(kind byte, depth int) {
	if depth > maxDepth {
		c.bad = true
	}
	if c.bad {
		return
	}
	switch kind {
	case thriftTrue, thriftFalse: // the type is the value
	case thriftByte:
		c.next(1)
	case thriftI16, thriftI32, thriftI64:
		c.uvarint()
	case thriftDouble:
		c.next(8)
	case thriftBinary:
		c.next(c.uvarint())
	case thriftList, thriftSet:
		element, n := c.list()
		c.skipAll(n, depth, element)
	case thriftMap:
		if n := c.uvarint(); n > 0 {
			kinds := c.byte()
			if n > uint64(len(c.b)) {
				c.bad = true
				return
			}
			c.skipAll(int(n), depth, kinds>>4, kinds&15)
		}
	case thriftStruct:
		c.fieldsAt(depth, func(int, byte) bool { return false })
	default:
		c.bad = true
	}
}

// skipAll reads over n times values of the kinds, which stand in a list or map.
func (c *compact) skipAll(n, depth int, kinds ...byte) {
	for i := 0; i < n && !c.bad; i++ {
		for _, kind := range kinds {
			if kind == thriftTrue || kind == thriftFalse {
				kind = thriftByte // of a list's elements the type is not the value
			}
			c.skip(kind, depth+1)
		}
	}
}
