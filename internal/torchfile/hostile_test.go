package torchfile_test

import (
	"archive/zip"
	"bytes"
	"encoding/binary"
	"fmt"
	"strings"
	"testing"

	"github.com/ksparse/ksparse/internal/tensor"
	"github.com/ksparse/ksparse/internal/tensor/tensortest"
	"github.com/ksparse/ksparse/internal/torchfile"
)

// An entry is one of a zip file made by makeZip.
type entry struct{ name, data string }

// makeZip returns a zip file of the entries, all compressed by method.
func makeZip(t testing.TB, method uint16, entries ...entry) []byte {
	t.Helper()
	var b bytes.Buffer
	z := zip.NewWriter(&b)
	for _, e := range entries {
		w, err := z.CreateHeader(&zip.FileHeader{Name: e.name, Method: method})
		if err == nil {
			_, err = w.Write([]byte(e.data))
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// withPickle returns a zip file with that pickle and a storage "0" of 6 floats: 0,
// 1, 2, 3, 4, 5.
func withPickle(t testing.TB, pickle string) []byte {
	return makeZip(t, zip.Store, entry{"any name/data.pkl", pickle}, entry{"any name/data/0", floats(6)}, entry{"any name/version", "3\n"})
}

// floats returns the float32 numbers from 0 to n-1.
func floats(n int) string {
	var b []byte
	for i := range n {
		b, _ = binary.Append(b, binary.LittleEndian, float32(i))
	}
	return string(b)
}

func str(s string) string {
	return "X" + string(binary.LittleEndian.AppendUint32(nil, uint32(len(s)))) + s
}

// storage is the persistent id of storage "0", on the stack.
func storage(class string, numel int) string {
	return "(" + str("storage") + "c" + class + "\n" + str("0") + str("cuda:0") + "K" + string(rune(numel)) + "tQ"
}

// rebuild makes a tensor; offset, size and stride are instructions.
func rebuild(version, storage, offset, size, stride, rest string) string {
	return "ctorch._utils\n_rebuild_tensor" + version + "\n(" + storage + offset + size + stride + rest + "tR"
}

const (
	rest2  = "\x89ccollections\nOrderedDict\n)R" // requires_grad, hooks
	floatS = "torch\nFloatStorage"
)

// dict is a pickle of {"w": value}.
func dict(value string) string { return "\x80\x02}" + str("w") + value + "s." }

func vector(size int) string { return "K" + string(rune(size)) + "\x85" }

func read(data []byte) (*torchfile.File, error) {
	return torchfile.Read(bytes.NewReader(data), int64(len(data)))
}

func TestTensors(t *testing.T) {
	for name, c := range map[string]struct {
		value string
		want  []float64
	}{
		"version 1":       {rebuild("", storage(floatS, 6), "K\x01", vector(3), vector(2), ""), []float64{1, 3, 5}},
		"version 2":       {rebuild("_v2", storage(floatS, 6), "K\x04", vector(2), vector(1), rest2), []float64{4, 5}},
		"with metadata":   {rebuild("_v2", storage(floatS, 6), "K\x04", vector(2), vector(1), rest2+"N"), []float64{4, 5}},
		"sizes in a list": {rebuild("_v2", storage(floatS, 6), "K\x05", "]K\x01a", "]K\x01a", rest2), []float64{5}},
		"torch.Size":      {rebuild("_v2", storage(floatS, 6), "K\x05", "ctorch\nSize\n("+vector(1)+"tR", vector(1), rest2), []float64{5}},
		"version 3":       {rebuild("_v3", storage("torch.storage\nUntypedStorage", 24), "K\x06", vector(4), vector(1), rest2+"ctorch\nuint16\n"), []float64{0, 16448, 0, 16512}},
		"parameter":       {"ctorch._utils\n_rebuild_parameter\n(" + rebuild("_v2", storage(floatS, 6), "K\x05", vector(1), vector(1), rest2) + rest2 + "tR", []float64{5}},
		"protocol 4": {"\x95\x00\x00\x00\x00\x00\x00\x00\x00\x8c\x0ctorch._utils\x94\x8c\x12_rebuild_tensor_v2\x94\x93\x94(" + storage(floatS, 6) + "K\x05" + vector(1) + vector(1) +
			"\x89\x8c\x0bcollections\x8c\x0bOrderedDict\x93)RtR\x94", []float64{5}},
	} {
		f, err := read(withPickle(t, dict(c.value)))
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		x, ok := lookUp(f.Dict(), "w").(*tensor.Tensor)
		if !ok {
			t.Errorf("%s: a %T, want a tensor", name, lookUp(f.Dict(), "w"))
			continue
		}
		got, err := x.Float64s()
		if err != nil || fmt.Sprint(got) != fmt.Sprint(c.want) {
			t.Errorf("%s: %v, %v, want %v", name, got, err, c.want)
		}
	}
}

func TestValues(t *testing.T) {
	for value, want := range map[string]string{
		"ctorch\ndevice\n(" + str("cuda") + "K\x01tR":  "torchfile.Device(cuda:1)",
		"ctorch\ndevice\n(" + str("cpu") + "tR":        "torchfile.Device(cpu)",
		"ctorch\nfloat32\n":                            "torchfile.Global(torch.float32)",
		"U\x03abc":                                     "string(abc)",
		"\x8c\x02\xc3\xa9":                             "string(é)",
		"\x8a\x00":                                     "int64(0)",
		"\x8a\x01\xff":                                 "int64(-1)",
		"\x8a\x02\x00\x80":                             "int64(-32768)",
		"\x8a\x09\xff\xff\xff\xff\xff\xff\xff\xff\x00": "*big.Int(18446744073709551615)",
		"\x8a\x08\x00\x00\x00\x00\x00\x00\x00\x80":     "int64(-9223372036854775808)",
		"G\x3f\xe0\x00\x00\x00\x00\x00\x00":            "float64(0.5)",
		"\x8f":                                         "torchfile.Set({})",
		"(K\x01\x88Nt":                                 "torchfile.Tuple([1 true <nil>])",
	} {
		f, err := read(withPickle(t, dict(value)))
		if err != nil {
			t.Errorf("%q: %v", value, err)
			continue
		}
		v := lookUp(f.Dict(), "w")
		if got := fmt.Sprintf("%T(%v)", v, v); got != want {
			t.Errorf("%q is %s, want %s", value, got, want)
		}
	}
}

func TestHostilePickles(t *testing.T) {
	one := vector(1)
	tensorOf := func(storage, offset, size, stride string) string {
		return dict(rebuild("_v2", storage, offset, size, stride, rest2))
	}
	for _, c := range []struct{ pickle, want string }{
		{"", "cut short"},
		{"\x80\x02}", "cut short"},
		{"\x80\x02.", "0 values"},
		{"\x80\x02}}.", "2 values"},
		{"\x80\x02(}.", "ends within a list, tuple or dict"},
		{"\x80\x02}}.", "ends with 2 values, want 1"},
		{"\x80\x02}.}", "1 bytes after"},
		{"\x80\x01}.", "protocol 1"},
		{"\x80\x06}.", "protocol 6"},
		{"N.", "a Python None"},
		{"\x80\x02]N.", "2 values"},
		{dict("0"), "'0'"},
		{dict("S'a'\n"), "'S'"},
		{dict("B\x00\x00\x00\x00"), "'B'"},
		{dict("ios\nsystem\n"), "'i'"},
		{dict("o"), "'o'"},
		{dict("\x92"), "0x92"},
		{dict("\x82\x01"), "0x82"},
		{dict("P0\n"), "'P'"},
		{dict("cnumpy.core.multiarray\nscalar\n"), "NumPy object (numpy.core.multiarray.scalar)"},
		{dict("c__main__\nSAE\n"), "__main__.SAE"},
		{dict("ctorch\nload\n"), "torch.load"},
		{dict("ctorch.nn.parameter\nParameter\n"), "torch.nn.parameter.Parameter"},
		{dict("ccollections\nOrderedDict.fromkeys\n"), "collections.OrderedDict.fromkeys"},
		{dict("c" + strings.Repeat("a", 2000) + "\nb\n"), "a name of more"},
		{dict("ccollections"), "cut short"},
		{dict("NN\x93"), "without a name"},
		{dict("ccollections\nOrderedDict\nNR"), "called with a None"},
		{dict("ccollections\nOrderedDict\n(]tR"), "1 arguments"},
		{dict("ctorch\nFloatStorage\n)R"), "torch.FloatStorage is called"},
		{dict("ctorch\nfloat32\n)R"), "torch.float32 is called"},
		{dict("N)R"), "a None is called"},
		{dict("ctorch\nSize\n)R"), "want 1"},
		{dict("ctorch\ndevice\n)R"), "want 1 or 2"},
		{dict("ctorch\ndevice\n(NtR"), "want a str"},
		{dict("ccollections\nOrderedDict\n)\x81"), "an object is made of a collections.OrderedDict"},
		{dict("]}b"), "attributes for a list"},
		{dict("}]b"), "attributes in a list"},
		{dict("}Na"), "items for a dict"},
		{dict("]NNs"), "entries for a list"},
		{dict("}(Nu"), "without a value"},
		{dict("}]Ns"), "a list is no key"},
		{dict("}}Ns"), "a dict is no key"},
		{dict("}NNsNNs"), "there twice"},
		{dict("}(" + strings.Repeat(str("k")+"N", 2) + "u"), "there twice"},
		{dict("e"), "no MARK"},
		{dict("(e"), "items for a str"},
		{dict("(\x85"), "too few"},
		{dict("((q\x00"), "too few"},
		{dict("h\x00"), "not stored"},
		{dict("j\xff\xff\xff\xff"), "not stored"},
		{dict("]r\xff\xff\xff\xff"), "is stored, after"},
		{dict("X\xff\xff\xff\xff"), "a string of 4294967295"},
		{dict("X\x00\x00\x10\x00"), "cut short"},
		{dict("U\x01\xff"), "UTF-8"},
		{dict("\x8a\xff"), "cut short"},
		{dict(str("storage") + "Q"), "a str for a storage"},
		{dict("(tQ"), "0 fields"},
		{dict("(NNNNNtQ"), "of class None"},
		{dict("((tNNNNtQ"), "of class None"},
		{dict("(" + str("storage") + "ctorch\nFloatStorage\nNNK\x06tQ"), "key that is a None"},
		{dict("(" + str("storage") + "ctorch\nFloatStorage\n" + str("0") + str("cpu") + "J\xff\xff\xff\xfftQ"), "no whole number"},
		{dict("(" + str("storage") + "ctorch\nFloatStorage\n" + str("0") + str("cpu") + "\x8a\x08\xff\xff\xff\xff\xff\xff\xff\x7ftQ"), "has 24 bytes"},
		{dict("(" + str("storage") + "ctorch\nFloatStorage\n" + str("0") + str("cpu") + "K\x06(" + str("v") + "K\x00K\x01ttQ"), "only legacy"},
		{dict("(" + storage(floatS, 6) + storage("torch\nIntStorage", 6) + "t"), "in two ways"},
		{dict("(" + storage(floatS, 6) + storage(floatS, 5) + "t"), "in two ways"},
		{dict(storage("torch\nComplexFloatStorage", 3)), "torch.ComplexFloatStorage"},
		{tensorOf(storage(floatS, 5), "K\x00", one, one), "has 24 bytes, want 5 elements"},
		{tensorOf(storage(floatS, 7), "K\x00", one, one), "has 24 bytes, want 7 elements"},
		{tensorOf(storage(floatS, 6), "K\x06", one, one), "reach element 6 of a storage of 6"},
		{tensorOf(storage(floatS, 6), "J\xff\xff\xff\xff", one, one), "negative"},
		{tensorOf(storage(floatS, 6), "G\x00\x00\x00\x00\x00\x00\x00\x00", one, one), "a float where an integer"},
		{tensorOf(storage(floatS, 6), "\x8a\x09\x00\x00\x00\x00\x00\x00\x00\x00\x01", one, one), "an integer"},
		{tensorOf(storage(floatS, 6), "K\x00", "(J\xff\xff\xff\xfft", one), "negative"},
		{tensorOf(storage(floatS, 6), "K\x00", one, "(J\xff\xff\xff\xfft"), "negative"},
		{tensorOf(storage(floatS, 6), "K\x00", vector(2), "(J\xff\xff\xff\x7ft"), "reach"},
		{tensorOf(storage(floatS, 6), "K\x00", "(\x8a\x04\x00\x00\x00\x40\x8a\x04\x00\x00\x00\x40\x8a\x04\x00\x00\x00\x40t", "(K\x00K\x00K\x00t"), "too large"},
		{tensorOf(storage(floatS, 6), "K\x00", "(J\x00\x00\x00\x01t", "(K\x00t"), "many times"},
		{tensorOf(storage(floatS, 6), "K\x00", "("+strings.Repeat("K\x01", 65)+"t", one), "too many dimensions"},
		{tensorOf(storage(floatS, 6), "K\x00", "N", one), "a None where a tuple"},
		{tensorOf(storage(floatS, 6), "K\x00", ")", one), "1 strides for 0"},
		{tensorOf("N", "K\x00", one, one), "a None, want a storage"},
		{dict("ctorch._utils\n_rebuild_tensor_v2\n)R"), "0 arguments"},
		{dict("ctorch._utils\n_rebuild_parameter\n(NNNtR"), "a None, want a Tensor"},
		{dict("ctorch._utils\n_rebuild_parameter\n)R"), "0 arguments"},
		{tensorOf(storage("torch.storage\nUntypedStorage", 24), "K\x00", one, one), "no type of elements"},
		{dict(rebuild("_v3", storage("torch.storage\nUntypedStorage", 24), "K\x06", vector(1), vector(1), rest2+"ctorch\ncomplex64\n")), "no type of elements"},
		{dict(rebuild("_v3", storage("torch.storage\nUntypedStorage", 24), "K\x06", vector(1), vector(1), rest2+"N")), "no type of elements"},
		{dict(rebuild("_v3", storage("torch.storage\nUntypedStorage", 24), "K\x06", vector(1), vector(1), rest2+"ctorch\nfloat32\n")), "reach"},

		{dict(strings.Repeat("]", 200) + strings.Repeat("a", 200)), "too many objects"},
		{"\x80\x02" + strings.Repeat("(", 2000), "MARKs"},
		{"\x80\x02" + strings.Repeat("N", 100000), "too many values"},
		{"\x80\x04" + strings.Repeat("]\x94", 300000), "too many"},
		{"\x80\x04" + strings.Repeat("\x85", 1000), "too few"},
		{"\x80\x02N" + strings.Repeat("\x85", 1000), "too many objects"},
	} {
		data := withPickle(t, c.pickle)
		var err error
		taken := tensortest.Allocated(func() { _, err = read(data) })
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("pickle %.200q: error %v, want %q", c.pickle, err, c.want)
		} else if len(err.Error()) > 500 {
			t.Errorf("pickle %.200q: an error of %d bytes", c.pickle, len(err.Error()))
		}
		if limit := int64(1<<20 + 64*len(data)); taken > limit {
			t.Errorf("pickle %.200q: %d bytes allocated, want at most %d", c.pickle, taken, limit)
		}
	}
}

// TestShared: values used in many places, and in themselves, cost what they take in
// the file.
func TestShared(t *testing.T) {
	for name, pickle := range map[string]string{
		"2^1000 paths":           "\x80\x02}" + str("w") + "(]q\x00" + strings.Repeat("h\x00h\x00\x86q\x00", 1000) + "ts.",
		"a list that has itself": "\x80\x02}" + str("w") + "]q\x00h\x00as.",
		"a dict that has itself": "\x80\x02}q\x00" + str("w") + "h\x00s.",
	} {
		data := withPickle(t, pickle)
		taken := tensortest.Allocated(func() {
			f, err := read(data)
			if err != nil || f.Dict().Len() != 1 {
				t.Errorf("%s: error %v", name, err)
			}
		})
		if limit := int64(64<<10 + 32*len(data)); taken > limit {
			t.Errorf("%s: %d bytes allocated, want at most %d", name, taken, limit)
		}
	}
}

func TestHostileZips(t *testing.T) {
	good := dict(rebuild("_v2", storage(floatS, 6), "K\x00", vector(6), vector(1), rest2))
	pickle, data := entry{"a/data.pkl", good}, entry{"a/data/0", floats(6)}
	damaged := makeZip(t, zip.Store, pickle, data)
	damaged[bytes.Index(damaged, []byte(floats(6)))+5] ^= 1
	damagedPickle := makeZip(t, zip.Store, pickle, data)
	damagedPickle[bytes.Index(damagedPickle, []byte("cuda"))] ^= 1
	for name, c := range map[string]struct {
		file []byte
		want string
	}{
		"good":             {makeZip(t, zip.Store, pickle, data), ""},
		"deflated":         {makeZip(t, zip.Deflate, pickle, data), ""},
		"little":           {makeZip(t, zip.Store, entry{"a/byteorder", "little"}, pickle, data), ""},
		"beside":           {makeZip(t, zip.Store, pickle, data, entry{"__MACOSX/._a", "x"}, entry{"a/", ""}), ""},
		"code":             {makeZip(t, zip.Store, pickle, data, entry{"a/code/__torch__.py", ""}), "TorchScript"},
		"constants":        {makeZip(t, zip.Store, pickle, data, entry{"a/constants.pkl", ""}), "TorchScript"},
		"twice":            {makeZip(t, zip.Store, pickle, data, data), "twice"},
		"two pickles":      {makeZip(t, zip.Store, pickle, data, entry{"b/data.pkl", good}), "two pickles"},
		"no folder":        {makeZip(t, zip.Store, entry{"data.pkl", good}, entry{"data/0", floats(6)}), "without data.pkl"},
		"absolute":         {makeZip(t, zip.Store, pickle, data, entry{"/etc/passwd", ""}), "relative"},
		"backslash":        {makeZip(t, zip.Store, pickle, data, entry{`a\b`, ""}), "relative"},
		"dots":             {makeZip(t, zip.Store, pickle, data, entry{"a/../b", ""}), `".."`},
		"big":              {makeZip(t, zip.Store, entry{"a/byteorder", "big"}, pickle, data), `"big"`},
		"odd order":        {makeZip(t, zip.Store, entry{"a/byteorder", strings.Repeat("little", 100)}, pickle, data), "byte order"},
		"method":           {bytes.ReplaceAll(makeZip(t, zip.Store, pickle, data), []byte("PK\x01\x02\x14\x00\x14\x00\x08\x00\x00\x00"), []byte("PK\x01\x02\x14\x00\x14\x00\x08\x00\x0c\x00")), "method 12"},
		"encrypted":        {bytes.ReplaceAll(makeZip(t, zip.Store, pickle, data), []byte("PK\x01\x02\x14\x00\x14\x00\x08\x00\x00\x00"), []byte("PK\x01\x02\x14\x00\x14\x00\x09\x00\x00\x00")), "encrypted"},
		"damaged storage":  {damaged, "CRC-32"},
		"damaged pickle":   {damagedPickle, "CRC-32"},
		"empty":            {makeZip(t, zip.Store), "without data.pkl"},
		"bomb in budget":   {makeZip(t, zip.Deflate, entry{"a/data.pkl", good}, entry{"a/data/0", floats(6)}, entry{"a/x", strings.Repeat("\x00", 1<<20)}), "too many"},
		"a tar file":       {append(append(make([]byte, 257), "ustar\x0000"...), make([]byte, 500)...), "tar file"},
		"a plain pickle":   {[]byte("\x80\x02}."), "not of torch.save: it holds a Python dict"},
		"a pickled number": {[]byte("\x80\x02K\x01."), "not of torch.save: it holds a Python int"},
		"safetensors":      {[]byte("\x02\x00\x00\x00\x00\x00\x00\x00{}"), "no file of torch.save"},
	} {
		f, err := read(c.file)
		if err == nil {
			_, err = lookUp(f.Dict(), "w").(*tensor.Tensor).Float64s()
		}
		if (err == nil) != (c.want == "") || err != nil && !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: error %v, want %q", name, err, c.want)
		}
	}
}

// TestNoChecksum: PyTorch can be told to write no CRC-32, which leaves 0.
func TestNoChecksum(t *testing.T) {
	file := withPickle(t, dict(rebuild("_v2", storage(floatS, 6), "K\x00", vector(6), vector(1), rest2)))
	at := bytes.LastIndex(file, []byte("any name/data/0")) - 46 // its directory entry
	copy(file[at+16:], "\x00\x00\x00\x00")
	f, err := read(file)
	if err != nil {
		t.Fatal(err)
	}
	if got, err := lookUp(f.Dict(), "w").(*tensor.Tensor).Float64s(); err != nil || len(got) != 6 || got[5] != 5 {
		t.Errorf("%v, %v", got, err)
	}
}
