package format

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"
)

// readObject reads a JSON object whose fields are those of read, each once, in
// any order; only the optional ones may be missing.
func readObject(j *json.Decoder, read map[string]func() error, optional ...string) error {
	if err := readDelim(j, '{'); err != nil {
		return err
	}
	for j.More() {
		var name string
		if err := readText(j, &name); err != nil {
			return err
		}
		field, ok := read[name]
		if !ok {
			return fmt.Errorf("field %.40q is unknown or there twice", name)
		}
		delete(read, name)
		if err := field(); err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
	}
	if err := readDelim(j, '}'); err != nil {
		return err
	}
	for _, name := range slices.Sorted(maps.Keys(read)) {
		if !slices.Contains(optional, name) {
			return fmt.Errorf("field %q is missing", name)
		}
	}
	return nil
}

// readDelim reads a bracket.
func readDelim(j *json.Decoder, want json.Delim) error {
	t, err := j.Token()
	if err == nil && t != want {
		err = fmt.Errorf("%.40q where %q should be", fmt.Sprint(t), want)
	}
	return err
}

func readText(j *json.Decoder, to *string) error { return readValue(j, to, "a text") }

func readBool(j *json.Decoder, to *bool) error { return readValue(j, to, "true or false") }

func readInt(j *json.Decoder, to *int) error {
	return readNumeral(j, to, strconv.Atoi, "a whole number")
}

func readNumber(j *json.Decoder, to *float64) error {
	return readNumeral(j, to, func(s string) (float64, error) { return strconv.ParseFloat(s, 64) }, "a number")
}

// readValue reads a value that the decoder gives as what it is.
func readValue[T string | bool](j *json.Decoder, to *T, what string) error {
	t, err := j.Token()
	if err != nil {
		return err
	}
	v, ok := t.(T)
	if !ok {
		return fmt.Errorf("%.40q where %s should be", fmt.Sprint(t), what)
	}
	*to = v
	return nil
}

// readNumeral reads a number, which the decoder gives as its digits.
func readNumeral[T int | float64](j *json.Decoder, to *T, parse func(string) (T, error), what string) error {
	t, err := j.Token()
	if err != nil {
		return err
	}
	number, ok := t.(json.Number)
	if ok {
		*to, err = parse(string(number))
	}
	if !ok || err != nil {
		return fmt.Errorf("%.40q where %s should be", fmt.Sprint(t), what)
	}
	return nil
}
