package fault

import (
	"math"
	"reflect"
)

// The checks below return an error that wraps ErrRange and names the setting, or nil.
// NaN passes none of them.

// NotNegative checks that v is finite and 0 or more.
func NotNegative(name string, v float64) error {
	if !(v >= 0 && v <= math.MaxFloat64) {
		return Errorf(ErrRange, "%s is %v, want a finite number that is 0 or more", name, v)
	}
	return nil
}

// Fraction checks that 0 <= v < 1.
func Fraction(name string, v float64) error {
	if !(v >= 0 && v < 1) {
		return Errorf(ErrRange, "%s is %v, want 0 <= %s < 1", name, v, name)
	}
	return nil
}

// Share checks that 0 <= v <= 1.
func Share(name string, v float64) error {
	if !(v >= 0 && v <= 1) {
		return Errorf(ErrRange, "%s is %v, want 0 to 1", name, v)
	}
	return nil
}

// Count checks that v is 0 or more.
func Count(name string, v int) error {
	if v < 0 {
		return Errorf(ErrRange, "%s is %d, want 0 or more", name, v)
	}
	return nil
}

// IsNil reports whether v is nil, or a nil pointer, map, slice, function, channel or
// interface in v.
func IsNil(v any) bool {
	switch r := reflect.ValueOf(v); r.Kind() {
	case reflect.Invalid:
		return true
	case reflect.Pointer, reflect.Map, reflect.Slice, reflect.Func, reflect.Chan, reflect.Interface:
		return r.IsNil()
	}
	return false
}
