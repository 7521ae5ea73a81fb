package torchfile_test

import (
	"encoding/binary"
	"fmt"
	"strings"
	"testing"

	"github.com/ksparse/ksparse/internal/tensor"
	"github.com/ksparse/ksparse/internal/tensor/tensortest"
	"github.com/ksparse/ksparse/internal/torchfile"
)

const (
	legacyMagic  = "\x80\x02\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19."
	legacyProto  = "\x80\x02M\xe9\x03."
	legacySystem = "\x80\x02}X\x0d\x00\x00\x00little_endian\x88s."
)

// legacy is a file of those sections, the last of which are keys and storages.
func legacy(sections ...string) []byte {
	return []byte(legacyMagic + legacyProto + legacySystem + strings.Join(sections, ""))
}

// keys is a pickle of a list of the names.
func keys(names ...string) string {
	s := "\x80\x02]("
	for _, name := range names {
		s += str(name)
	}
	return s + "e."
}

// stored is a storage of n floats.
func stored(n int) string {
	return string(binary.LittleEndian.AppendUint64(nil, uint64(n))) + floats(n)
}

// viewOf is the persistent id of a view of storage "0", which has 6 floats.
func viewOf(view string) string {
	return "(" + str("storage") + "c" + floatS + "\n" + str("0") + str("cpu") + "K\x06" + view + "tQ"
}

func TestLegacy(t *testing.T) {
	vec := func(storage string, offset, size int) string {
		return dict(rebuild("_v2", storage, "K"+string(rune(offset)), vector(size), vector(1), rest2))
	}
	plain := vec(viewOf("N"), 2, 3)
	part := func(view string) string { return vec(viewOf("("+str("part")+view+"t"), 1, 2) }
	for name, c := range map[string]struct {
		file []byte
		want string // the values, or what the error has
	}{
		"good":              {legacy(plain, keys("0"), stored(6)), "[2 3 4]"},
		"a view":            {legacy(part("K\x02K\x03"), keys("0"), stored(6)), "[3 4]"},
		"a view too short":  {legacy(part("K\x02K\x02"), keys("0"), stored(6)), "storage of 2"},
		"a view outside":    {legacy(part("K\x04K\x03"), keys("0"), stored(6)), "outside its 6"},
		"a negative view":   {legacy(part("J\xff\xff\xff\xffK\x03"), keys("0"), stored(6)), "outside"},
		"a view of None":    {legacy(part("NN"), keys("0"), stored(6)), "outside"},
		"a view of two":     {legacy(part("K\x02"), keys("0"), stored(6)), "tuple of 3"},
		"magic":             {[]byte("\x80\x02\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x18."), "not of torch.save"},
		"a deep protocol":   {[]byte(legacyMagic + "\x80\x02(]q\x00" + strings.Repeat("h\x00h\x00\x86q\x00", 1000) + "t."), "a Python tuple"},
		"protocol":          {[]byte(legacyMagic + "\x80\x02M\xea\x03."), "version 1002"},
		"big-endian":        {[]byte(legacyMagic + legacyProto + strings.Replace(legacySystem, "\x88", "\x89", 1)), "big-endian"},
		"no facts":          {[]byte(legacyMagic + legacyProto + "\x80\x02}."), "big-endian"},
		"facts in a list":   {[]byte(legacyMagic + legacyProto + "\x80\x02]."), "a Python list, want a dict"},
		"a tensor as facts": {[]byte(legacyMagic + legacyProto + plain), "a tuple for a storage"},
		"tensors in keys":   {legacy(plain, "\x80\x02]"+viewOf("N")+"a."), "a tuple for a storage"},
		"keys in a dict":    {legacy(plain, "\x80\x02}."), "a Python dict, want a list"},
		"a key of None":     {legacy(plain, "\x80\x02]Na.", stored(6)), "in no tensor"},
		"no key":            {legacy(plain, keys()), "not in the list"},
		"a key twice":       {legacy(plain, keys("0", "0"), stored(6), stored(6)), "twice"},
		"an unknown key":    {legacy(plain, keys("0", "1"), stored(6), stored(1)), "in no tensor"},
		"fewer elements":    {legacy(plain, keys("0"), stored(5)), "has 5 elements"},
		"more elements":     {legacy(plain, keys("0"), stored(7)), "has 7 elements"},
		"cut":               {legacy(plain, keys("0"), stored(6)[:31]), "cut short"},
		"cut in the count":  {legacy(plain, keys("0"), stored(6)[:7]), "cut short"},
		"bytes after":       {legacy(plain, keys("0"), stored(6), "x"), "1 bytes after"},
		"no tensor":         {legacy("\x80\x02K\x01.", keys()), "a Python int, want a dict"},
		"larger than file":  {legacy(strings.Replace(plain, "K\x06N", "J\x00\x00\x00\x7fN", 1), keys("0"), stored(6)), "larger than the file"},
		"cut in the pickle": {legacy(plain[:len(plain)-1]), "cut short"},
	} {
		var got string
		f, err := read(c.file)
		if err == nil {
			var values []float64
			values, err = lookUp(f.Dict(), "w").(*tensor.Tensor).Float64s()
			got = fmt.Sprint(values)
		}
		if err != nil {
			got = err.Error()
		}
		if !strings.Contains(got, c.want) || (err == nil) != strings.HasPrefix(c.want, "[") {
			t.Errorf("%s: %s (error %v), want %q", name, got, err, c.want)
		}
	}
}

// TestCut: no file opens when its end is missing.
func TestCut(t *testing.T) {
	for _, file := range []string{"container_torch_zip/zoo.pt", "container_torch_legacy/zoo.pt"} {
		data := tensortest.ReadFile(t, "../../pretrained/testdata/"+file)
		for size := range data {
			if _, err := read(data[:size]); err == nil {
				t.Errorf("the first %d bytes of %s open", size, file)
			}
		}
	}
}

func FuzzTorch(f *testing.F) {
	for _, seed := range tensortest.Seeds(f, "testdata/bad", ".pt", ".bin") {
		f.Add(seed, []byte{})
	}
	for _, seed := range [][]byte{legacy(dict(rebuild("_v2", viewOf("("+str("part")+"K\x02K\x03t"), "K\x01", vector(2), vector(1), rest2)), keys("0"), stored(6))} {
		f.Add(seed, []byte{})
	}
	for _, value := range []string{
		rebuild("_v3", storage("torch.storage\nUntypedStorage", 24), "K\x06", vector(4), vector(1), rest2+"ctorch\nuint16\n"),
		rebuild("", storage(floatS, 6), "K\x01", vector(3), vector(2), ""),
		"(]q\x00h\x00h\x00\x86q\x00tctorch\ndevice\n(" + str("cuda") + "K\x01tR",
	} {
		f.Add([]byte{}, []byte(dict(value)))
	}
	// data is a file; pickle, when there is one, is put into a zip with right
	// checksums, which mutation alone would never find.
	f.Fuzz(func(t *testing.T, data, pickle []byte) {
		if len(pickle) > 0 {
			data = withPickle(t, string(pickle))
		}
		var file *torchfile.File
		var err error
		taken := tensortest.Allocated(func() { file, err = read(data) })
		if limit := int64(1<<20 + 64*len(data)); taken > limit {
			t.Fatalf("%d bytes allocated for %d (error %v)", taken, len(data), err)
		}
		if err != nil {
			return
		}
		done := 0
		for _, value := range file.Dict().All() {
			x, ok := value.(*tensor.Tensor)
			if !ok || done > 1<<20 { // one tensor may be in the dict under many names
				continue
			}
			done += x.Count()
			if int64(x.Count()*x.DType().Size()) > tensor.Budget(int64(len(data))) {
				t.Fatalf("a tensor of %d elements in a file of %d bytes", x.Count(), len(data))
			}
			values, err := x.Float64s()
			if err == nil && len(values) != x.Count() {
				t.Fatalf("%d values of %d", len(values), x.Count())
			}
		}
	})
}
