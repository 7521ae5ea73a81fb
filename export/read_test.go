package export_test

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"math"
	"strconv"
	"strings"
	"testing"

	"github.com/ksparse/ksparse/export"
)

// The readers below read what an engine is given, each as the engine's documentation describes it.

// code is the code of a row: latents from 0 on.
type code map[int]float32

// readers has one for each format. They return the codes by the numbers of their rows.
var readers = map[export.Format]func(t *testing.T, file []byte, field string) map[int64]code{
	export.Qdrant:            readQdrant,
	export.Elasticsearch:     readBulk,
	export.OpenSearch:        readBulk,
	export.OpenSearchSeismic: readBulk,
	export.PGVector:          readCopyText,
	export.PGVectorBinary:    readCopyBinary,
	export.Milvus:            readMilvus,
	export.Seismic:           readSeismic,
}

// unmarshal decodes JSON strictly.
func unmarshal(t *testing.T, text []byte, to any) {
	t.Helper()
	d := json.NewDecoder(bytes.NewReader(text))
	d.DisallowUnknownFields()
	if err := d.Decode(to); err != nil {
		t.Fatalf("%v in %.200s", err, text)
	}
	if d.More() {
		t.Fatalf("more than one value in %.200s", text)
	}
}

// lines returns the lines of a file, which ends in a new line.
func lines(t *testing.T, file []byte) [][]byte {
	t.Helper()
	if len(file) == 0 {
		return nil
	}
	if file[len(file)-1] != '\n' {
		t.Fatalf("the file ends in %q", file[max(0, len(file)-20):])
	}
	return bytes.Split(file[:len(file)-1], []byte("\n"))
}

// byLatent makes a code of the object {"7":0.5}.
func byLatent(t *testing.T, object map[string]float32) code {
	t.Helper()
	c := make(code)
	for key, v := range object {
		j, err := strconv.Atoi(key)
		if err != nil || strconv.Itoa(j) != key {
			t.Fatalf("the key %q is no number", key)
		}
		c[j] = v
	}
	return c
}

// readQdrant reads a request a line.
func readQdrant(t *testing.T, file []byte, field string) map[int64]code {
	rows := make(map[int64]code)
	for _, line := range lines(t, file) {
		var body struct {
			Points []struct {
				ID     uint64
				Vector map[string]struct {
					Indices []uint32
					Values  []float32
				}
			}
		}
		unmarshal(t, line, &body)
		for _, p := range body.Points {
			v, ok := p.Vector[field]
			if !ok || len(p.Vector) != 1 || len(v.Indices) != len(v.Values) {
				t.Fatalf("point %d has the vectors %v", p.ID, p.Vector)
			}
			c := make(code)
			for i, j := range v.Indices {
				if i > 0 && j <= v.Indices[i-1] {
					t.Fatalf("point %d has the indices %v", p.ID, v.Indices)
				}
				c[int(j)] = v.Values[i]
			}
			rows[int64(p.ID)] = c
		}
	}
	return rows
}

// readBulk reads an action and a document a time.
func readBulk(t *testing.T, file []byte, field string) map[int64]code {
	rows := make(map[int64]code)
	all := lines(t, file)
	if len(all)%2 != 0 {
		t.Fatalf("%d lines", len(all))
	}
	for i := 0; i < len(all); i += 2 {
		var action struct {
			Index struct {
				ID string `json:"_id"`
			}
		}
		var document map[string]map[string]float32
		unmarshal(t, all[i], &action)
		unmarshal(t, all[i+1], &document)
		id, err := strconv.ParseInt(action.Index.ID, 10, 64)
		if err != nil || len(document) > 1 || len(document) == 1 && document[field] == nil {
			t.Fatalf("line %d: %s %s", i, all[i], all[i+1])
		}
		rows[id] = byLatent(t, document[field])
	}
	return rows
}

// readMilvus reads a list of rows.
func readMilvus(t *testing.T, file []byte, field string) map[int64]code {
	rows := make(map[int64]code)
	var list []map[string]json.RawMessage
	unmarshal(t, file, &list)
	for _, row := range list {
		var id int64
		var object map[string]float32
		unmarshal(t, row["id"], &id)
		unmarshal(t, row[field], &object)
		if len(row) != 2 {
			t.Fatalf("row %d has the fields %v", id, row)
		}
		rows[id] = byLatent(t, object)
	}
	return rows
}

// readSeismic reads a document a line.
func readSeismic(t *testing.T, file []byte, _ string) map[int64]code {
	rows := make(map[int64]code)
	for _, line := range lines(t, file) {
		var document struct {
			ID     int64
			Vector map[string]float32
		}
		unmarshal(t, line, &document)
		rows[document.ID] = byLatent(t, document.Vector)
	}
	return rows
}

// readCopyText reads an id and a sparsevec a line.
func readCopyText(t *testing.T, file []byte, _ string) map[int64]code {
	rows := make(map[int64]code)
	for _, line := range lines(t, file) {
		first, vec, ok := strings.Cut(string(line), "\t")
		id, err := strconv.ParseInt(first, 10, 64)
		if !ok || err != nil {
			t.Fatalf("the line %s", line)
		}
		rows[id] = parseSparsevec(t, vec)
	}
	return rows
}

// parseSparsevec reads {1:0.5,3:2}/8.
func parseSparsevec(t *testing.T, text string) code {
	t.Helper()
	c := make(code)
	body, dim, ok := strings.Cut(strings.TrimPrefix(text, "{"), "}/")
	n, err := strconv.Atoi(dim)
	if !ok || err != nil || !strings.HasPrefix(text, "{") {
		t.Fatalf("the sparsevec %s", text)
	}
	previous := 0
	for _, pair := range strings.Split(body, ",") {
		if body == "" {
			break
		}
		var j int
		var v float32
		if _, err := fmt.Sscanf(pair, "%d:%g", &j, &v); err != nil || j <= previous || j > n {
			t.Fatalf("%q after %d of %d: %v", pair, previous, n, err)
		}
		c[j-1], previous = v, j
	}
	return c
}

// readCopyBinary reads tuples of a bigint and a sparsevec.
func readCopyBinary(t *testing.T, file []byte, _ string) map[int64]code {
	rows := make(map[int64]code)
	r := bytes.NewReader(file)
	read := func(to any) {
		if err := binary.Read(r, binary.BigEndian, to); err != nil {
			t.Fatalf("%v at byte %d of %d", err, len(file)-r.Len(), len(file))
		}
	}
	var header struct {
		Signature         [11]byte
		Flags, Extensions int32
	}
	read(&header)
	if string(header.Signature[:]) != "PGCOPY\n\377\r\n\000" || header.Flags != 0 || header.Extensions != 0 {
		t.Fatalf("the header %q", header.Signature)
	}
	for {
		var fields int16
		if read(&fields); fields == -1 {
			break
		}
		var row struct {
			IDLength         int32
			ID               int64
			Length           int32
			Dim, NNZ, Unused int32
		}
		read(&row)
		if fields != 2 || row.IDLength != 8 || row.Length != 12+8*row.NNZ || row.Unused != 0 {
			t.Fatalf("a tuple of %d fields: %+v", fields, row)
		}
		indices, values := make([]int32, row.NNZ), make([]float32, row.NNZ)
		read(indices)
		read(values)
		c := make(code)
		for i, j := range indices {
			if j < 0 || j >= row.Dim || i > 0 && j <= indices[i-1] || values[i] == 0 || math.IsNaN(float64(values[i])) {
				t.Fatalf("row %d: indices %v of %d, values %v", row.ID, indices, row.Dim, values)
			}
			c[int(j)] = values[i]
		}
		rows[row.ID] = c
	}
	if r.Len() > 0 {
		t.Fatalf("%d bytes after the trailer", r.Len())
	}
	return rows
}
