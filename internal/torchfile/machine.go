package torchfile

import (
	"bufio"
	"errors"
	"fmt"
	"io"
)

// The most that a pickle may make. One that torch.save writes stays far below.
const (
	maxObjects = 1 << 18 // containers, strings, tensors; also half of the bytes read
	maxStack   = 1 << 16
	maxMarks   = 1 << 10
	maxString  = 1 << 20 // bytes
	maxName    = 1 << 10 // bytes of the module or the name in a GLOBAL
)

// A machine executes one pickle.
type machine struct {
	in      *bufio.Reader
	at, end int64 // bytes of in: executed, and all
	objects int64 // made so far

	stack []any
	marks []int // height of the stack at each open MARK
	memo  []any // values stored for later

	// Both are nil for a pickle that may hold no tensor.
	storages   *storages
	persistent func(id storageID) (*storageView, error) // gives the storage that a BINPERSID names
}

// newMachine returns a machine for the pickle at the start of in, which has size
// bytes in all.
func newMachine(in io.Reader, size int64) *machine {
	return &machine{in: bufio.NewReader(in), end: size}
}

// bytes reads n bytes. It takes memory for them only where the pickle has as many.
func (m *machine) bytes(n int64) ([]byte, error) {
	if n > m.end-m.at {
		return nil, fmt.Errorf("the pickle is cut short: %d bytes wanted at byte %d of %d", n, m.at, m.end)
	}
	b := make([]byte, n)
	if _, err := io.ReadFull(m.in, b); err != nil {
		return nil, err
	}
	m.at += n
	return b, nil
}

// uint reads n bytes as an unsigned number.
func (m *machine) uint(n int64) (uint64, error) {
	var v uint64
	for i := range n {
		b, err := m.in.ReadByte()
		if err == io.EOF {
			err = fmt.Errorf("the pickle is cut short at byte %d", m.at)
		}
		if err != nil {
			return 0, err
		}
		m.at++
		v |= uint64(b) << (8 * i)
	}
	return v, nil
}

// line reads a name up to the next newline.
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

// push puts a value on the stack.
func (m *machine) push(v any) { m.stack = append(m.stack, v) }

// pushObject pushes a value that takes memory, and counts it.
func (m *machine) pushObject(v any) {
	m.objects++
	m.push(v)
}

// pop takes the last n values off the stack. They stay valid until the next push.
func (m *machine) pop(n int) ([]any, error) {
	floor := 0
	if len(m.marks) > 0 {
		floor = m.marks[len(m.marks)-1]
	}
	if len(m.stack)-n < floor {
		return nil, errors.New("too few values on the stack")
	}
	items := m.stack[len(m.stack)-n:]
	m.stack = m.stack[:len(m.stack)-n]
	return items, nil
}

// popMark takes off all values since the last MARK.
func (m *machine) popMark() ([]any, error) {
	if len(m.marks) == 0 {
		return nil, errors.New("no MARK on the stack")
	}
	items, err := m.pop(len(m.stack) - m.marks[len(m.marks)-1])
	m.marks = m.marks[:len(m.marks)-1]
	return items, err
}

// top returns the last value of the stack, nil if there is none.
func (m *machine) top() any {
	items, err := m.pop(1)
	if err != nil {
		return nil
	}
	m.stack = m.stack[:len(m.stack)+1]
	return items[0]
}
