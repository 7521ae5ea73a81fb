package torchfile

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"math/big"
	"slices"
	"unicode/utf8"
)

// run executes a pickle and returns its value. Another call executes the pickle that
// follows it.
func (m *machine) run() (any, error) {
	m.stack, m.marks, m.memo = nil, nil, nil
	for {
		op, err := m.uint(1)
		if err != nil {
			return nil, err
		}
		if op == opStop {
			break
		}
		if err := m.step(byte(op)); err != nil {
			return nil, fmt.Errorf("byte %d of the pickle: %w", m.at, err)
		}
		if len(m.stack) > maxStack || len(m.marks) > maxMarks {
			return nil, fmt.Errorf("byte %d of the pickle: too many values (%d) or MARKs (%d) on the stack", m.at, len(m.stack), len(m.marks))
		}
		if m.objects > maxObjects || m.objects > m.at/2+1 {
			return nil, fmt.Errorf("byte %d of the pickle: too many objects (%d)", m.at, m.objects)
		}
	}
	if len(m.marks) > 0 {
		return nil, errors.New("the pickle ends within a list, tuple or dict (after a MARK)")
	}
	if len(m.stack) != 1 {
		return nil, fmt.Errorf("the pickle ends with %d values, want 1", len(m.stack))
	}
	return m.stack[0], nil
}

// step executes one instruction.
func (m *machine) step(op byte) error {
	switch op {
	case opProto:
		version, err := m.uint(1)
		if err == nil && (version < 2 || version > 5) {
			err = fmt.Errorf("pickle protocol %d, want 2 to 5", version)
		}
		return err
	case opFrame: // the length of what follows, which this reader does not need
		_, err := m.uint(8)
		return err
	case opMark:
		m.marks = append(m.marks, len(m.stack))
	case opAppend:
		return m.appendItems(m.pop(1))
	case opAppends:
		return m.appendItems(m.popMark())
	case opSetItem:
		return m.setItems(m.pop(2))
	case opSetItems:
		return m.setItems(m.popMark())
	case opBinPut, opLongBinPut, opMemoize, opBinGet, opLongBinGet:
		return m.remember(op)
	case opGlobal, opStackGlobal:
		return m.global(op)
	case opReduce:
		return m.reduce()
	case opNewObj:
		return m.newObject()
	case opBuild:
		return m.build()
	case opBinPersID:
		return m.persistentID()
	default:
		return m.make(op)
	}
	return nil
}

// make executes one instruction that pushes a new value.
func (m *machine) make(op byte) error {
	switch op {
	case opNone:
		m.push(nil)
	case opNewTrue:
		m.push(true)
	case opNewFalse:
		m.push(false)
	case opBinInt, opBinInt1, opBinInt2, opLong1, opBinFloat:
		return m.number(op)
	case opBinUnicode:
		return m.text(4)
	case opShortBinUnicode, opShortBinString:
		return m.text(1)
	case opEmptyTuple:
		m.push(Tuple(nil))
	case opTuple1, opTuple2, opTuple3:
		items, err := m.pop(int(op-opTuple1) + 1)
		m.pushObject(Tuple(slices.Clone(items)))
		return err
	case opTuple:
		items, err := m.popMark()
		m.pushObject(Tuple(slices.Clone(items)))
		return err
	case opEmptyList:
		m.pushObject(&List{})
	case opEmptySet:
		m.push(Set{})
	case opEmptyDict:
		m.pushObject(&Dict{})
	default:
		return fmt.Errorf("instruction %q (0x%02x) has no place in a weights file", rune(op), op)
	}
	return nil
}

// number pushes the number that follows op.
func (m *machine) number(op byte) error {
	switch op {
	case opBinInt:
		v, err := m.uint(4)
		m.push(int64(int32(v)))
		return err
	case opBinInt1:
		v, err := m.uint(1)
		m.push(int64(v))
		return err
	case opBinInt2:
		v, err := m.uint(2)
		m.push(int64(v))
		return err
	case opBinFloat:
		b, err := m.bytes(8)
		if err != nil {
			return err
		}
		m.push(math.Float64frombits(binary.BigEndian.Uint64(b)))
		return nil
	}
	n, err := m.uint(1)
	if err != nil {
		return err
	}
	b, err := m.bytes(int64(n))
	if err != nil {
		return err
	}
	m.pushObject(longInteger(b))
	return nil
}

// longInteger returns the value of b, little-endian in two's complement: an int64,
// or a *big.Int.
func longInteger(b []byte) any {
	slices.Reverse(b)
	v := new(big.Int).SetBytes(b)
	if len(b) > 0 && b[0] >= 0x80 {
		v.Sub(v, new(big.Int).Lsh(big.NewInt(1), uint(8*len(b))))
	}
	if v.IsInt64() {
		return v.Int64()
	}
	return v
}

// text reads a string whose length comes in the first lengthSize bytes.
func (m *machine) text(lengthSize int64) error {
	n, err := m.uint(lengthSize)
	if err != nil {
		return err
	}
	if n > maxString {
		return fmt.Errorf("a string of %d bytes, want at most %d", n, maxString)
	}
	b, err := m.bytes(int64(n))
	if err != nil {
		return err
	}
	if !utf8.Valid(b) {
		return fmt.Errorf("the string %.40q is not UTF-8", b)
	}
	m.pushObject(string(b))
	return nil
}

// appendItems appends items to the list on top of the stack.
func (m *machine) appendItems(items []any, err error) error {
	if err != nil {
		return err
	}
	list, ok := m.top().(*List)
	if !ok {
		return fmt.Errorf("items for a %s, want a list", Kind(m.top()))
	}
	list.Items = append(list.Items, items...)
	return nil
}

// setItems sets entries, keys and values in turn, of the dict on top of the stack.
func (m *machine) setItems(items []any, err error) error {
	if err != nil {
		return err
	}
	dict, ok := m.top().(*Dict)
	if !ok {
		return fmt.Errorf("entries for a %s, want a dict", Kind(m.top()))
	}
	if len(items)%2 != 0 {
		return errors.New("a key without a value")
	}
	for i := 0; i < len(items); i += 2 {
		if err := dict.set(items[i], items[i+1]); err != nil {
			return err
		}
	}
	return nil
}

// remember stores the top of the stack in the memo, or pushes a value from there.
func (m *machine) remember(op byte) error {
	size := int64(1)
	if op == opLongBinPut || op == opLongBinGet {
		size = 4
	}
	n := uint64(len(m.memo))
	if op != opMemoize {
		var err error
		if n, err = m.uint(size); err != nil {
			return err
		}
	}
	if op == opBinGet || op == opLongBinGet {
		if n >= uint64(len(m.memo)) {
			return fmt.Errorf("value %d was not stored", n)
		}
		m.push(m.memo[n])
		return nil
	}
	items, err := m.pop(1)
	if err != nil {
		return err
	}
	m.stack = m.stack[:len(m.stack)+1]
	if n > uint64(m.at) {
		return fmt.Errorf("value %d is stored, after %d bytes", n, m.at)
	}
	if n >= uint64(len(m.memo)) {
		m.memo = append(m.memo, make([]any, n+1-uint64(len(m.memo)))...)
	}
	m.memo[n] = items[0]
	return nil
}
