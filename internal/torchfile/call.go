package torchfile

import (
	"fmt"

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
	return &Dict{}, nil
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
	if len(args) == 1 {
		return Device(name), nil
	}
	index, err := integer(args[1])
	return Device(fmt.Sprintf("%s:%d", name, index)), err
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
	return t, nil
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
