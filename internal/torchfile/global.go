package torchfile

import (
	"errors"
	"fmt"
	"strings"

	"github.com/ksparse/ksparse/internal/tensor"
)

// storageTypes are the classes of storages, with the type of their elements. The
// elements of an untyped one are bytes until a tensor gives them a type.
var storageTypes = map[Global]tensor.DType{
	"torch.DoubleStorage":          tensor.F64,
	"torch.FloatStorage":           tensor.F32,
	"torch.HalfStorage":            tensor.F16,
	"torch.BFloat16Storage":        tensor.BF16,
	"torch.LongStorage":            tensor.I64,
	"torch.IntStorage":             tensor.I32,
	"torch.ShortStorage":           tensor.I16,
	"torch.CharStorage":            tensor.I8,
	"torch.ByteStorage":            tensor.U8,
	"torch.BoolStorage":            tensor.Bool,
	"torch.storage.UntypedStorage": 0,
}

// dtypes are the types that stand as values in configurations, and say what the
// elements of an untyped storage are. Those with 0 cannot be read.
var dtypes = map[Global]tensor.DType{
	"torch.float64":    tensor.F64,
	"torch.float32":    tensor.F32,
	"torch.float16":    tensor.F16,
	"torch.bfloat16":   tensor.BF16,
	"torch.int64":      tensor.I64,
	"torch.int32":      tensor.I32,
	"torch.int16":      tensor.I16,
	"torch.int8":       tensor.I8,
	"torch.uint64":     tensor.U64,
	"torch.uint32":     tensor.U32,
	"torch.uint16":     tensor.U16,
	"torch.uint8":      tensor.U8,
	"torch.bool":       tensor.Bool,
	"torch.complex64":  0,
	"torch.complex128": 0,
}

// calls are the functions and classes that a pickle may call.
var calls = map[Global]func(m *machine, args Tuple) (any, error){
	"collections.OrderedDict":         makeOrderedDict,
	"torch.Size":                      makeSize,
	"torch.device":                    makeDevice,
	"torch._utils._rebuild_parameter": makeParameter,
	"torch._utils._rebuild_tensor":    func(m *machine, args Tuple) (any, error) { return m.tensor(args, 4, 4) },
	"torch._utils._rebuild_tensor_v2": func(m *machine, args Tuple) (any, error) { return m.tensor(args, 6, 7) },
	"torch._utils._rebuild_tensor_v3": func(m *machine, args Tuple) (any, error) { return m.tensor(args, 7, 8) },
}

// global pushes the class or function that the pickle names, if it is one of those
// above.
func (m *machine) global(op byte) error {
	var module, name string
	var err error
	if op == opStackGlobal {
		items, popErr := m.pop(2)
		if popErr != nil {
			return popErr
		}
		var ok, okName bool
		module, ok = items[0].(string)
		name, okName = items[1].(string)
		if !ok || !okName {
			return errors.New("a global without a name")
		}
	} else if module, err = m.line(); err == nil {
		name, err = m.line()
	}
	if err != nil {
		return err
	}
	g := Global(module + "." + name)
	_, isStorage := storageTypes[g]
	_, isType := dtypes[g]
	if !isStorage && !isType && calls[g] == nil {
		return refuse(g)
	}
	m.push(g)
	m.objects++
	return nil
}

// refuse says why a name is not accepted, and what to do instead.
func refuse(g Global) error {
	module, _, _ := strings.Cut(string(g), ".")
	switch module {
	case "numpy":
		return fmt.Errorf("refused: the file holds a NumPy object (%.200s); save tensors and Python numbers instead", g)
	case "builtins", "__builtin__", "os", "posix", "nt", "sys", "subprocess":
		return fmt.Errorf("refused: the file wants to run %.200s", g)
	}
	return fmt.Errorf("refused: the file holds or calls %.200s, which is no tensor and no plain value; save a state_dict() instead of a whole object", g)
}

// line reads up to the next newline.
func (m *machine) line() (string, error) {
	var b []byte
	for len(b) <= maxName {
		c, err := m.uint(1)
		if err != nil {
			return "", err
		}
		if c == '\n' {
			return string(b), nil
		}
		b = append(b, byte(c))
	}
	return "", fmt.Errorf("a name of more than %d bytes", maxName)
}

// reduce calls what the pickle asks to call.
func (m *machine) reduce() error {
	items, err := m.pop(2)
	if err != nil {
		return err
	}
	g, _ := items[0].(Global)
	args, ok := items[1].(Tuple)
	if calls[g] == nil || !ok {
		return fmt.Errorf("a %s is called with a %s", Kind(items[0]), Kind(items[1]))
	}
	v, err := calls[g](m, args)
	if err != nil {
		return fmt.Errorf("%s: %w", g, err)
	}
	m.pushObject(v)
	return nil
}

// newObject refuses NEWOBJ: of the names that a pickle may use, none is a class
// that PyTorch makes in this way.
func (m *machine) newObject() error {
	items, err := m.pop(2)
	if err != nil {
		return err
	}
	return fmt.Errorf("refused: an object is made of a %s", Kind(items[0]))
}

// build sets the attributes of an object. An OrderedDict has some (_metadata, the
// versions of the modules), which say nothing about values and are dropped.
func (m *machine) build() error {
	items, err := m.pop(1)
	if err != nil {
		return err
	}
	if _, ok := items[0].(*Dict); !ok {
		return fmt.Errorf("attributes in a %s, want a dict", Kind(items[0]))
	}
	if _, ok := m.top().(*Dict); !ok {
		return fmt.Errorf("attributes for a %s, want an OrderedDict", Kind(m.top()))
	}
	return nil
}

func (m *machine) persistentID() error {
	items, err := m.pop(1)
	if err != nil {
		return err
	}
	id, ok := items[0].(Tuple)
	if !ok || m.persistent == nil {
		return fmt.Errorf("a %s for a storage", Kind(items[0]))
	}
	parsed, err := parseID(id)
	if err != nil {
		return err
	}
	v, err := m.persistent(parsed)
	if err != nil {
		return err
	}
	m.pushObject(v)
	return nil
}

func makeOrderedDict(_ *machine, args Tuple) (any, error) {
	if len(args) > 0 {
		return nil, fmt.Errorf("%d arguments, want none", len(args))
	}
	return &Dict{}, nil
}

func makeSize(_ *machine, args Tuple) (any, error) {
	if len(args) != 1 {
		return nil, fmt.Errorf("%d arguments, want 1", len(args))
	}
	sizes, ok := args[0].(Tuple)
	if !ok {
		return nil, fmt.Errorf("a %s, want a tuple", Kind(args[0]))
	}
	return sizes, nil
}

func makeDevice(_ *machine, args Tuple) (any, error) {
	if len(args) < 1 || len(args) > 2 {
		return nil, fmt.Errorf("%d arguments, want 1 or 2", len(args))
	}
	name, ok := args[0].(string)
	if !ok {
		return nil, fmt.Errorf("a %s, want a str", Kind(args[0]))
	}
	if len(args) == 1 {
		return Device(name), nil
	}
	index, err := integer(args[1])
	return Device(fmt.Sprintf("%s:%d", name, index)), err
}

// makeParameter is given tensor, requires_grad and hooks.
func makeParameter(_ *machine, args Tuple) (any, error) {
	if len(args) != 3 {
		return nil, fmt.Errorf("%d arguments, want 3", len(args))
	}
	t, ok := args[0].(*tensor.Tensor)
	if !ok {
		return nil, fmt.Errorf("a %s, want a Tensor", Kind(args[0]))
	}
	return t, nil
}
