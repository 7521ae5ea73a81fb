package torchfile

import (
	"errors"
	"fmt"
	"strings"
)

// global pushes the class or function that the pickle names, if it is a storage, a type
// or one of calls.
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

// refuse returns why a name is not accepted, and what to do instead.
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
// versions of the modules), which have no bearing on values and are dropped. PyTorch
// gives attributes to tensors too, in files of its first versions; to a plain dict it does
// not.
func (m *machine) build() error {
	items, err := m.pop(1)
	if err != nil {
		return err
	}
	if _, ok := items[0].(*Dict); !ok {
		return fmt.Errorf("attributes in a %s, want a dict", Kind(items[0]))
	}
	if d, ok := m.top().(*Dict); !ok || !d.ordered {
		return fmt.Errorf("attributes for a %s, want an OrderedDict", Kind(m.top()))
	}
	return nil
}

// persistentID pushes the storage whose persistent id is on the stack.
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
