package export

import (
	"encoding/binary"
	"math"
	"strconv"
)

// point adds the row at hand to the request of Qdrant at hand, or begins one.
func (x *exporter) point(id int64) {
	if x.inBody == 0 {
		x.buffer = append(x.buffer, `{"points":[`...)
	} else {
		x.buffer = append(x.buffer, ',')
	}
	x.inBody++
	b := append(x.buffer, `{"id":`...)
	b = strconv.AppendInt(b, id, 10)
	b = append(b, `,"vector":{"`...)
	b = append(b, x.field...)
	b = append(b, `":`...)
	b = x.at.appendLists(b)
	x.buffer = append(b, `}}`...)
}

// endBody ends the request at hand, where there is one.
func (x *exporter) endBody() {
	if x.inBody > 0 {
		x.buffer = append(x.buffer, "]}\n"...)
		x.inBody = 0
	}
}

// bulk writes the row at hand as two bulk lines. One without values is a document without the field.
func (x *exporter) bulk(id int64) {
	b := append(x.buffer, `{"index":{"_id":"`...)
	b = strconv.AppendInt(b, id, 10)
	b = append(b, "\"}}\n{"...)
	if len(x.at.latents) > 0 {
		b = x.appendField(b)
	}
	x.buffer = append(b, "}\n"...)
}

// beginList begins a JSON list of rows.
func (x *exporter) beginList() { x.buffer = append(x.buffer, "[\n"...) }

// listed adds the row at hand to the list.
func (x *exporter) listed(id int64) {
	if x.written > 0 {
		x.buffer = append(x.buffer, ",\n"...)
	}
	x.written++
	b := append(x.buffer, `{"id":`...)
	b = strconv.AppendInt(b, id, 10)
	b = append(b, ',')
	x.buffer = append(x.appendField(b), '}')
}

// endList ends the list.
func (x *exporter) endList() { x.buffer = append(x.buffer, "\n]\n"...) }

// document writes the row at hand as a line of Seismic, where it has values.
func (x *exporter) document(id int64) {
	if len(x.at.latents) > 0 {
		x.buffer = append(appendDocument(x.buffer, id, &x.at), '\n')
	}
}

// appendDocument appends a document, or a query, of Seismic.
func appendDocument(b []byte, id int64, r *entries) []byte {
	b = append(b, `{"id":`...)
	b = strconv.AppendInt(b, id, 10)
	b = append(b, `,"vector":`...)
	return append(r.appendObject(b), '}')
}

// copyText writes the row at hand as a line of COPY. Nothing in it needs a backslash.
func (x *exporter) copyText(id int64) {
	b := strconv.AppendInt(x.buffer, id, 10)
	b = append(b, '\t')
	x.buffer = append(x.at.appendSparsevec(b, x.latents), '\n')
}

// beginBinary writes the header of COPY: its signature, no flags, no extension.
func (x *exporter) beginBinary() {
	x.buffer = append(x.buffer, "PGCOPY\n\xff\r\n\x00\x00\x00\x00\x00\x00\x00\x00\x00"...)
}

// copyBinary writes the row at hand as a tuple of two fields, each after its length in bytes: an int64 and a
// sparsevec, which is the numbers of latents and of entries, a zero, the latents from 0 on, and the values.
func (x *exporter) copyBinary(id int64) {
	n := uint32(len(x.at.latents))
	b := binary.BigEndian.AppendUint16(x.buffer, 2)
	b = binary.BigEndian.AppendUint32(b, 8)
	b = binary.BigEndian.AppendUint64(b, uint64(id))
	b = binary.BigEndian.AppendUint32(b, 12+8*n)
	b = binary.BigEndian.AppendUint32(b, uint32(x.latents))
	b = binary.BigEndian.AppendUint32(b, n)
	b = binary.BigEndian.AppendUint32(b, 0)
	for _, j := range x.at.latents {
		b = binary.BigEndian.AppendUint32(b, uint32(j))
	}
	for _, v := range x.at.values {
		b = binary.BigEndian.AppendUint32(b, math.Float32bits(v))
	}
	x.buffer = b
}

// endBinary writes the trailer of COPY.
func (x *exporter) endBinary() { x.buffer = append(x.buffer, 0xff, 0xff) }

// appendField appends the row at hand as a field of a JSON object.
func (x *exporter) appendField(b []byte) []byte {
	b = append(b, '"')
	b = append(b, x.field...)
	b = append(b, `":`...)
	return x.at.appendObject(b)
}

// appendObject appends {"7":0.5,"19":1.25}.
func (r *entries) appendObject(b []byte) []byte {
	b = append(b, '{')
	for t, j := range r.latents {
		if t > 0 {
			b = append(b, ',')
		}
		b = append(b, '"')
		b = strconv.AppendInt(b, int64(j), 10)
		b = append(b, `":`...)
		b = appendValue(b, r.values[t])
	}
	return append(b, '}')
}

// appendLists appends {"indices":[7,19],"values":[0.5,1.25]}.
func (r *entries) appendLists(b []byte) []byte {
	b = append(b, `{"indices":[`...)
	for t, j := range r.latents {
		if t > 0 {
			b = append(b, ',')
		}
		b = strconv.AppendInt(b, int64(j), 10)
	}
	b = append(b, `],"values":[`...)
	for t, v := range r.values {
		if t > 0 {
			b = append(b, ',')
		}
		b = appendValue(b, v)
	}
	return append(b, `]}`...)
}

// appendSparsevec appends {8:0.5,20:1.25}/16384: in the text of a sparsevec latents count from 1.
func (r *entries) appendSparsevec(b []byte, latents int) []byte {
	b = append(b, '{')
	for t, j := range r.latents {
		if t > 0 {
			b = append(b, ',')
		}
		b = strconv.AppendInt(b, int64(j)+1, 10)
		b = append(b, ':')
		b = appendValue(b, r.values[t])
	}
	b = append(b, `}/`...)
	return strconv.AppendInt(b, int64(latents), 10)
}

// appendValue appends the shortest decimal that gives v as float32, which is JSON.
func appendValue(b []byte, v float32) []byte {
	return strconv.AppendFloat(b, float64(v), 'g', -1, 32)
}
