package torchfile

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/ksparse/ksparse/internal/tensor"
)

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

// reduce calls the function or class on the stack with the arguments on top of it.
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

// makeOrderedDict takes no arguments.
func makeOrderedDict(_ *machine, args Tuple) (any, error) {
	if len(args) > 0 {
		return nil, fmt.Errorf("%d arguments, want none", len(args))
	}
	return &Dict{ordered: true}, nil
}

// makeSize takes a tuple of sizes, and returns it.
func makeSize(_ *machine, args Tuple) (any, error) {
	if len(args) != 1 {
		return nil, fmt.Errorf("%d arguments, want 1", len(args))
	}
	sizes, ok := args[0].(Tuple)
	if !ok {
		return nil, fmt.Errorf("a %s, want a tuple", Kind(args[0]))
	}
	if _, err := integers(sizes); err != nil {
		return nil, err
	}
	return sizes, nil
}

// makeDevice takes a name, and an index if the device has one.
func makeDevice(_ *machine, args Tuple) (any, error) {
	if len(args) < 1 || len(args) > 2 {
		return nil, fmt.Errorf("%d arguments, want 1 or 2", len(args))
	}
	name, ok := args[0].(string)
	if !ok {
		return nil, fmt.Errorf("a %s, want a str", Kind(args[0]))
	}
	if len(args) == 2 {
		index, err := integer(args[1])
		if err != nil {
			return nil, err
		}
		if strings.Contains(name, ":") {
			return nil, fmt.Errorf("%.60q has an index, and another follows", name)
		}
		name = fmt.Sprintf("%s:%d", name, index)
	}
	if !isDevice(name) {
		return nil, fmt.Errorf("%.60q is no device", name)
	}
	return Device(name), nil
}

// deviceTypes are the devices that PyTorch knows.
var deviceTypes = strings.Fields("cpu cuda ipu xpu mkldnn opengl opencl ideep hip ve fpga maia ort xla lazy vulkan mps meta hpu mtia privateuseone")

// isDevice reports whether name is a device, with an index or without.
func isDevice(name string) bool {
	kind, index, indexed := strings.Cut(name, ":")
	if indexed {
		if n, err := strconv.ParseUint(index, 10, 7); err != nil || strconv.FormatUint(n, 10) != index {
			return false
		}
	}
	return slices.Contains(deviceTypes, kind)
}

// makeParameter takes a tensor, requires_grad and hooks, and returns the tensor.
func makeParameter(_ *machine, args Tuple) (any, error) {
	if len(args) != 3 {
		return nil, fmt.Errorf("%d arguments, want 3", len(args))
	}
	t, ok := args[0].(*tensor.Tensor)
	if !ok {
		return nil, fmt.Errorf("a %s, want a Tensor", Kind(args[0]))
	}
	return t, checkGradient(t.DType(), args[1], args[2])
}

// checkGradient checks requires_grad and backward_hooks, which have no bearing on the
// values.
func checkGradient(d tensor.DType, requires, hooks any) error {
	grad, ok := requires.(bool)
	if !ok {
		return fmt.Errorf("requires_grad is a %s, want a bool", Kind(requires))
	}
	if grad && !d.Floating() {
		return fmt.Errorf("requires_grad of a tensor of %v", d)
	}
	if _, ok := hooks.(*Dict); !ok && hooks != nil {
		return fmt.Errorf("backward_hooks is a %s, want a dict", Kind(hooks))
	}
	return nil
}

// checkMetadata refuses metadata of a tensor that say something: that its numbers are to be
// negated or conjugated.
func checkMetadata(rest Tuple) error {
	for _, metadata := range rest {
		d, ok := metadata.(*Dict)
		if !ok && metadata != nil {
			return fmt.Errorf("metadata is a %s, want a dict", Kind(metadata))
		}
		if ok && d.Len() > 0 {
			return errors.New("a tensor with metadata (its numbers may be negated or conjugated), which is not supported")
		}
	}
	return nil
}

// tensor makes a tensor of the arguments storage, offset, size, stride and others, least
// to most in number. Version 3 has at least 7, of which the seventh is the type of the
// elements.
func (m *machine) tensor(args Tuple, least, most int) (any, error) {
	if len(args) < least || len(args) > most {
		return nil, fmt.Errorf("%d arguments, want %d to %d", len(args), least, most)
	}
	view, ok := args[0].(*storageView)
	if !ok || m.storages == nil {
		return nil, fmt.Errorf("a %s, want a storage", Kind(args[0]))
	}
	offset, err := integer(args[1])
	if err != nil {
		return nil, err
	}
	l := tensor.Layout{DType: view.dtype, Offset: offset}
	if l.Shape, err = integers(args[2]); err != nil {
		return nil, err
	}
	if l.Strides, err = integers(args[3]); err != nil {
		return nil, err
	}
	if least == 7 {
		g, _ := args[6].(Global)
		l.DType = dtypes[g]
	}
	if least > 4 {
		if err := checkGradient(l.DType, args[4], args[5]); err != nil {
			return nil, err
		}
		if err := checkMetadata(args[least:]); err != nil {
			return nil, err
		}
	}
	name, _ := m.top().(string) // the key in the dict, if the tensor goes there at once
	t, err := tensor.New(name, l, view.Storage)
	if err != nil {
		return nil, err
	}
	m.storages.budget -= 8 * int64(t.Count())
	if m.storages.budget < 0 {
		return nil, fmt.Errorf("tensor %.100q of shape %v and those before it repeat elements to many times the size of the file", name, l.Shape)
	}
	return t, nil
}
