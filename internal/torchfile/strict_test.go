package torchfile_test

import (
	"strings"
	"testing"

	"github.com/ksparse/ksparse/internal/torchfile"
)

// A strictCase is a value of a pickle, with a word of the error, "" where it is read.
type strictCase struct{ value, want string }

const ordered = "ccollections\nOrderedDict\n)R"

// tensorWith makes a tensor of one number by that version of the function; rest is what
// follows its layout.
func tensorWith(version, rest string) string {
	return rebuild(version, storage(floatS, 6), "K\x00", vector(1), vector(1), rest)
}

// strictValues are attributes, items, entries and keys.
func strictValues() []strictCase {
	return []strictCase{
		{ordered + "}b", ""},
		{ordered + "}" + str("_metadata") + ordered + "sb", ""},
		{ordered + str("k") + "K\x01s", ""},
		{"}}b", "attributes for a dict"},
		{"}" + str("k") + "Ns}b", "attributes for a dict"},
		{"]}b", "attributes for a list"},
		{"\x8f}b", "attributes for a set"},
		{"N}b", "attributes for a None"},
		{"K\x01}b", "attributes for a int"},
		{")}b", "attributes for a tuple"},
		{str("x") + "}b", "attributes for a str"},
		{"ctorch\nfloat32\n}b", "attributes for a torch.float32"},
		{"ccollections\nOrderedDict\n}b", "attributes for a collections.OrderedDict"},
		{tensorWith("_v2", rest2) + "}b", "attributes for a Tensor"},
		{storage(floatS, 6) + "}b", "attributes for a storage"},
		{ordered + "Nb", "attributes in a None"},
		{ordered + "]b", "attributes in a list"},
		{ordered + "(K\x01K\x02tb", "attributes in a tuple"},

		{"]K\x01a", ""},
		{"\x8fK\x01a", "items for a set"},
		{"\x8f(K\x01e", "items for a set"},
		{")K\x01a", "items for a tuple"},
		{ordered + "K\x01a", "items for a dict"},
		{str("x") + "(K\x01e", "items for a str"},
		{"\x8f" + str("k") + "Ns", "entries for a set"},
		{")" + str("k") + "Ns", "entries for a tuple"},
		{"N(" + str("k") + "Nu", "entries for a None"},
		{tensorWith("_v2", rest2) + str("k") + "Ns", "entries for a Tensor"},

		{"}K\x01K\x02\x86Ns", ""},
		{"}]\x85Ns", "a tuple is no key"}, // a list cannot be hashed
		{"}}\x85Ns", "a tuple is no key"},
		{"}(K\x01\x85q\x00" + strings.Repeat("h\x00h\x00\x86q\x00", 1000) + "Nu", "a tuple is no key"}, // 2^1000 to hash
		{"}\x8fNs", "a set is no key"},
	}
}

// strictCalls are calls, and their arguments.
func strictCalls() []strictCase {
	parameter := func(rest string) string {
		return "ctorch._utils\n_rebuild_parameter\n(" + tensorWith("_v2", rest2) + rest + "tR"
	}
	integers := rebuild("_v2", storage("torch\nLongStorage", 3), "K\x00", vector(1), vector(1), "\x88"+ordered)
	return []strictCase{
		{"ctorch\nSize\n(K\x02K\x03\x86tR", ""},
		{"ctorch\nSize\n(" + str("ab") + "\x85tR", "a str where an integer is wanted"},
		{"ctorch\nSize\n(N\x85tR", "a None where an integer is wanted"},
		{"ctorch\ndevice\n(" + str("cuda:3") + "tR", ""},
		{"ctorch\ndevice\n(" + str("mps") + "K\x00tR", ""},
		{"ctorch\ndevice\n(" + str("toaster") + "tR", "is no device"},
		{"ctorch\ndevice\n(" + str("cuda:") + "tR", "is no device"},
		{"ctorch\ndevice\n(" + str("cuda:01") + "tR", "is no device"},
		{"ctorch\ndevice\n(" + str("cuda:-1") + "tR", "is no device"},
		{"ctorch\ndevice\n(" + str("cuda") + "J\xff\xff\xff\xfftR", "is no device"},
		{"ctorch\ndevice\n(" + str("cuda:1") + "K\x02tR", "has an index, and another follows"},

		{"ctorch\nfloat32\n(tR", "torch.float32 is called"},
		{"ctorch\nFloatStorage\n(tR", "torch.FloatStorage is called"},
		{tensorWith("_v2", rest2) + ")R", "a Tensor is called"},
		{"ccollections\nOrderedDict\n]R", "called with a list"},
		{"ctorch\nSize\n(K\x01\x85t\x81", "an object is made of a torch.Size"},
		{"cbuiltins\nprint\n(tR", "wants to run builtins.print"},

		{tensorWith("_v2", "\x88"+ordered), ""},
		{tensorWith("_v2", "\x89N"), ""},
		{tensorWith("_v2", "\x89"+ordered+"}"), ""},
		{tensorWith("_v2", "K\x01"+ordered), "requires_grad is a int"},
		{tensorWith("_v2", "N"+ordered), "requires_grad is a None"},
		{tensorWith("_v2", "\x89]"), "backward_hooks is a list"},
		{tensorWith("_v2", "\x89"+ordered+"]"), "metadata is a list"},
		{tensorWith("_v2", "\x89"+ordered+"}"+str("neg")+"\x88s"), "may be negated or conjugated"},
		{integers, "requires_grad of a tensor of I64"},
		{parameter("\x88" + ordered), ""},
		{parameter("N" + ordered), "requires_grad is a None"},
		{parameter("\x88K\x01"), "backward_hooks is a int"},
		{"(" + str("storage") + "ctorch\nFloatStorage\n" + str("0") + "NK\x06tQ", "its location is a None"},
		{"K\x01Q", "a int for a storage"},
	}
}

// TestAsStrictAsTorch has pickles that torch.load refuses with weights_only, and beside
// them what it reads.
func TestAsStrictAsTorch(t *testing.T) {
	for _, c := range append(strictValues(), strictCalls()...) {
		f, err := read(withPickle(t, dict(c.value)))
		if (err == nil) != (c.want == "") || err != nil && !strings.Contains(err.Error(), c.want) {
			t.Errorf("%q: error %v, want %q", c.value, err, c.want)
		}
		if err == nil && torchfile.Kind(lookUp(f.Dict(), "w")) == "value" {
			t.Errorf("%q is of no kind", c.value)
		}
	}
	// The state dict itself, as torch.save writes it, and as it does not.
	if _, err := read(withPickle(t, "\x80\x02"+ordered+"}b.")); err != nil {
		t.Error(err)
	}
	if _, err := read(withPickle(t, "\x80\x02}}b.")); err == nil || !strings.Contains(err.Error(), "attributes for a dict") {
		t.Errorf("a plain dict with attributes: %v", err)
	}
}
