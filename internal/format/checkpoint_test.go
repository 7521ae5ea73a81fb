package format

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"math"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/ksparse/ksparse/internal/fault"
)

// training is what a checkpoint is made of.
func training() ([]Setting, []Section) {
	return []Setting{{"layer 0", "sparse from 2 to 3 <é>"}, {"the variance", "0.25"}, {"TrainConfig.Seed", ""}},
		[]Section{
			{Name: "counters", Counts: []int64{1, -2, math.MaxInt64, math.MinInt64}},
			{Name: "sums", Floats: []float64{0.1, math.Copysign(0, -1), math.NaN(), math.Inf(1), 5e-324}},
			{Name: "order"},
			{Name: "both", Floats: []float64{7}, Counts: []int64{8}},
			{Name: "parameters 0", Floats: make([]float64, 3000)},
		}
}

// emptied returns sections of the same names and sizes to read into.
func emptied(sections []Section) []Section {
	out := slices.Clone(sections)
	for i := range out {
		out[i].Floats, out[i].Counts = make([]float64, len(out[i].Floats)), make([]int64, len(out[i].Counts))
	}
	return out
}

func writtenCheckpoint(t testing.TB, settings []Setting, sections []Section) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := WriteCheckpoint(&b, settings, smallNetwork(), "parameters", sections); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// checkpointFile writes data and opens the file.
func checkpointFile(t testing.TB, data []byte) *os.File {
	t.Helper()
	path := filepath.Join(t.TempDir(), "checkpoint")
	if err := os.WriteFile(path, data, 0o666); err != nil {
		t.Fatal(err)
	}
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	return f
}

// resume reads a checkpoint as a training does.
func resume(f *os.File, settings []Setting, sections []Section) error {
	c, err := OpenCheckpoint(f)
	if err != nil {
		return err
	}
	if err := c.Same(settings); err != nil {
		return err
	}
	return c.ReadInto(sections)
}

func TestCheckpoint(t *testing.T) {
	settings, sections := training()
	data := writtenCheckpoint(t, settings, sections)

	// The same bytes by hand, as the package's documentation describes them.
	header := `{"settings":[{"name":"layer 0","value":"sparse from 2 to 3 \u003cé\u003e"},{"name":"the variance","value":"0.25"},{"name":"TrainConfig.Seed","value":""}],` +
		`"network":` + strings.NewReplacer("<", `\u003c`, ">", `\u003e`).Replace(smallHeader) + `,"left":"parameters",` +
		`"sections":[{"name":"counters","counts":4},{"name":"sums","floats":5},{"name":"order"},{"name":"both","floats":1,"counts":1},{"name":"parameters 0","floats":3000}]}`
	want := append([]byte("\x89ksc\r\n\x1a\n"), 3, 0, 0, 0)
	want = append(binary.LittleEndian.AppendUint32(want, uint32(len(header))), header...)
	for _, v := range sections[0].Counts {
		want = binary.LittleEndian.AppendUint64(want, uint64(v))
	}
	want = append(want, littleEndian(sections[1].Floats...)...)
	want = binary.LittleEndian.AppendUint64(append(want, littleEndian(7)...), 8)
	want = append(want, make([]byte, 8*3000)...)
	want = binary.LittleEndian.AppendUint32(want, crc32.Checksum(want, crc32.MakeTable(crc32.Castagnoli)))
	if !bytes.Equal(data, want) {
		t.Errorf("written is\n%.1000q\nwant\n%.1000q", data, want)
	}

	c, err := OpenCheckpoint(checkpointFile(t, data))
	if err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(c.Settings, settings) || c.Sections[3] != (SectionHeader{"both", 1, 1}) || len(c.Sections) != len(sections) {
		t.Errorf("the header is %+v, %+v", c.Settings, c.Sections)
	}
	got := emptied(sections)
	if err := errors.Join(c.Same(settings), c.Same(settings[:1]), c.ReadInto(got)); err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(writtenCheckpoint(t, settings, got), data) {
		t.Error("other numbers are read than were written")
	}
	// None at all.
	if err := resume(checkpointFile(t, writtenCheckpoint(t, nil, nil)), nil, nil); err != nil {
		t.Error(err)
	}
}

func TestCheckpointWriteErrors(t *testing.T) {
	settings, sections := training()
	full := errors.New("full")
	for room := 0; room < len(writtenCheckpoint(t, settings, sections)); room += 5000 {
		if err := WriteCheckpoint(&limitWriter{room, full}, settings, smallNetwork(), "", sections); !errors.Is(err, full) {
			t.Errorf("writer with room for %d bytes: error %v", room, err)
		}
	}
	long := []Setting{{"long", strings.Repeat("x", maxHeader)}}
	if err := WriteCheckpoint(io.Discard, long, smallNetwork(), "", nil); !errors.Is(err, fault.ErrFormat) || !strings.Contains(err.Error(), "header would have") {
		t.Errorf("a long header: error %v", err)
	}
}

// TestOldCheckpoint: a checkpoint of another version is refused with the reason, and with
// what to do.
func TestOldCheckpoint(t *testing.T) {
	f, err := os.Open("testdata/checkpoint_v1")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	_, err = OpenCheckpoint(f)
	const want = "ksparse: the checkpoint has version %d, this package reads version 3: an older release of this library wrote it, " +
		"and only that can resume it and save the network with SaveFile"
	if !errors.Is(err, fault.ErrFormat) || err.Error() != fmt.Sprintf(want, 1) {
		t.Errorf("error %v, want %s", err, want)
	}
	data := writtenCheckpoint(t, nil, nil)
	data[len(checkpointMagic)] = 2
	if _, err := OpenCheckpoint(checkpointFile(t, data)); !errors.Is(err, fault.ErrFormat) || err.Error() != fmt.Sprintf(want, 2) {
		t.Errorf("error %v, want %s", err, want)
	}
}

// TestCheckpointSame: what differs is named.
func TestCheckpointSame(t *testing.T) {
	settings, sections := training()
	c, err := OpenCheckpoint(checkpointFile(t, writtenCheckpoint(t, settings, sections)))
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range []struct {
		settings []Setting
		want     error
		says     string
	}{
		{[]Setting{settings[0], {"the variance", "0.5"}}, fault.ErrCheckpoint, "the checkpoint is of another training: the variance is 0.25 there and 0.5 here"},
		{[]Setting{{"the variance", "0.5"}, {"layer 0", "x"}}, fault.ErrCheckpoint, "the variance is 0.25 there"}, // in the order of the call
		{settings[1:], nil, ""},
		{append(slices.Clone(settings), Setting{"more", "x"}), fault.ErrFormat, "does not say what more is"},
		{[]Setting{{"layer 0", strings.Repeat("x", 5000)}}, fault.ErrCheckpoint, strings.Repeat("x", 200) + " here"},
	} {
		err := c.Same(s.settings)
		if s.want == nil && err == nil {
			continue
		}
		if !errors.Is(err, s.want) || !strings.Contains(err.Error(), s.says) || len(err.Error()) > 600 {
			t.Errorf("error %v, want %v that says %q", err, s.want, s.says)
		}
	}
}

// TestCheckpointDamage flips each byte, and cuts the file at each length.
func TestCheckpointDamage(t *testing.T) {
	settings, sections := training()
	sections = sections[:4]
	data := writtenCheckpoint(t, settings, sections)
	refused := func(what string, data []byte, says string) {
		t.Helper()
		into := emptied(sections)
		if err := resume(checkpointFile(t, data), settings, into); !errors.Is(err, fault.ErrFormat) || !strings.Contains(err.Error(), says) {
			t.Errorf("%s: error %v, want fault.ErrFormat with %q", what, err, says)
		}
		if !reflect.DeepEqual(into, emptied(sections)) {
			t.Errorf("%s: something is read", what)
		}
	}
	for i := range data {
		flipped := bytes.Clone(data)
		flipped[i] ^= 0x20
		refused(fmt.Sprint("byte ", i), flipped, "checkpoint")
		refused(fmt.Sprint("length ", i), data[:i], "checkpoint")
	}
	refused("a byte more", append(bytes.Clone(data), 0), "checksum")
	refused("another file", []byte(strings.Repeat("not a checkpoint", 9)), "not a checkpoint")
	refused("a network", append(smallFile(), make([]byte, 100)...), "not a checkpoint")
	folder, err := os.Open(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	defer folder.Close()
	if _, err := OpenCheckpoint(folder); !errors.Is(err, fault.ErrFormat) || !strings.Contains(err.Error(), "regular file") {
		t.Errorf("a folder: error %v", err)
	}
	f := checkpointFile(t, data)
	f.Close()
	if _, err := OpenCheckpoint(f); !errors.Is(err, os.ErrClosed) {
		t.Errorf("a closed file: error %v", err)
	}
}

// resealed is a checkpoint with another header and sections, and a checksum that
// fits.
func resealed(t testing.TB, data []byte, change func(h *checkpointHeader, numbers []byte) []byte) []byte {
	t.Helper()
	end := checkpointStart + headerLength(data)
	var h checkpointHeader
	if err := json.Unmarshal(data[checkpointStart:end], &h); err != nil {
		t.Fatal(err)
	}
	numbers := change(&h, slices.Clone(data[end:len(data)-4]))
	header, err := json.Marshal(h)
	if err != nil {
		t.Fatal(err)
	}
	out := slices.Clone(data[:checkpointStart-4])
	out = binary.LittleEndian.AppendUint32(out, uint32(len(header)))
	out = append(append(out, header...), numbers...)
	return binary.LittleEndian.AppendUint32(out, crc32.Checksum(out, castagnoli))
}

// TestCheckpointHostile: files whose checksums fit, made to do harm.
func TestCheckpointHostile(t *testing.T) {
	settings, sections := training()
	data := writtenCheckpoint(t, settings, sections)
	type header = checkpointHeader
	for _, c := range []struct {
		name   string
		change func(h *header, numbers []byte) []byte
		says   string
	}{
		{"no settings", func(h *header, n []byte) []byte { h.Settings = nil; return n }, "does not say"},
		{"no sections", func(h *header, n []byte) []byte { h.Sections = nil; return n }, "does not have the sections"},
		{"a section less", func(h *header, n []byte) []byte { h.Sections = h.Sections[:4]; return n }, "does not have the sections"},
		{"a section more", func(h *header, n []byte) []byte { h.Sections = append(h.Sections, SectionHeader{}); return n }, "does not have the sections"},
		{"a huge section", func(h *header, n []byte) []byte { h.Sections[4].Floats = math.MaxInt; return n }, "has the section {Name:parameters 0 Floats:9223372036854775807 Counts:0}, want {"},
		{"a negative section", func(h *header, n []byte) []byte { h.Sections[4].Floats = -1; return n }, "has the section"},
		{"another kind of number", func(h *header, n []byte) []byte { h.Sections[0].Floats, h.Sections[0].Counts = 4, 0; return n }, "has the section"},
		{"another name", func(h *header, n []byte) []byte { h.Sections[1].Name = strings.Repeat("x", 1<<20); return n }, "has the section"},
		{"numbers missing", func(_ *header, n []byte) []byte { return n[:len(n)-8] }, "bytes of numbers"},
		{"numbers too many", func(_ *header, n []byte) []byte { return append(n, n[:8]...) }, "bytes of numbers"},
	} {
		into := emptied(sections)
		err := resume(checkpointFile(t, resealed(t, data, c.change)), settings, into)
		if !errors.Is(err, fault.ErrFormat) || !strings.Contains(err.Error(), c.says) || len(err.Error()) > 1000 {
			t.Errorf("%s: error %v, want fault.ErrFormat with %q", c.name, err, c.says)
		}
		if !reflect.DeepEqual(into, emptied(sections)) {
			t.Errorf("%s: something is read", c.name)
		}
	}
	for offset, c := range map[int]struct {
		value uint32
		says  string
	}{8: {4, "the checkpoint has version 4, this package reads version 3"}, 12: {math.MaxUint32, "header has 4294967295 bytes"}} {
		changed := slices.Clone(data)
		binary.LittleEndian.PutUint32(changed[offset:], c.value)
		if err := resume(checkpointFile(t, changed), settings, emptied(sections)); !errors.Is(err, fault.ErrFormat) || !strings.Contains(err.Error(), c.says) {
			t.Errorf("error %v, want fault.ErrFormat with %q", err, c.says)
		}
	}
	text := slices.Clone(data[:len(data)-4])
	text[checkpointStart] = 'x'
	text = binary.LittleEndian.AppendUint32(text, crc32.Checksum(text, castagnoli))
	if err := resume(checkpointFile(t, text), settings, emptied(sections)); !errors.Is(err, fault.ErrFormat) || !strings.Contains(err.Error(), "header: ") {
		t.Errorf("a header that is no JSON: error %v", err)
	}
}

// TestCheckpointMemory: what is allocated does not depend on the numbers in the file,
// whether they are read or not.
func TestCheckpointMemory(t *testing.T) {
	settings, sections := training()
	sections[4].Floats = make([]float64, 1<<20)
	data := writtenCheckpoint(t, settings, sections)
	for _, into := range [][]Section{emptied(sections), emptied(sections)[:4]} {
		f := checkpointFile(t, data)
		if taken := allocated(func() { resume(f, settings, into) }); taken > 1<<20 {
			t.Errorf("%d bytes allocated for a file of %d", taken, len(data))
		}
	}
}

// FuzzCheckpoint: whatever the file holds, its checksum mended, reading it gives an
// error or fills the sections.
func FuzzCheckpoint(f *testing.F) {
	settings, sections := training()
	sections[4].Floats = sections[4].Floats[:3]
	data := writtenCheckpoint(f, settings, sections)
	f.Add(data)
	f.Add(data[:len(data)/2])
	path := filepath.Join(f.TempDir(), "checkpoint")
	f.Fuzz(func(t *testing.T, data []byte) {
		if len(data) > 4 {
			data = binary.LittleEndian.AppendUint32(slices.Clone(data[:len(data)-4]), crc32.Checksum(data[:len(data)-4], castagnoli))
		}
		if err := os.WriteFile(path, data, 0o666); err != nil {
			t.Fatal(err)
		}
		file, err := os.Open(path)
		if err != nil {
			t.Fatal(err)
		}
		defer file.Close()
		into := emptied(sections)
		switch err := resume(file, settings, into); {
		case err != nil:
			if !errors.Is(err, fault.ErrFormat) && !errors.Is(err, fault.ErrCheckpoint) {
				t.Errorf("error %v", err)
			}
		default:
			end := checkpointStart + headerLength(data)
			if again := writtenCheckpoint(t, settings, into); !bytes.Equal(again[checkpointStart+headerLength(again):len(again)-4], data[end:len(data)-4]) {
				t.Error("the numbers differ")
			}
		}
	})
}
