package serve

import "strconv"

// Bodies in JSON are one object, most with one list. They are read by hand: the numbers go straight
// to where they are used, nothing else is kept, and an error names the row. encoding/json takes
// more than twice as long, and by hand is already most of the work that a row of JSON makes
// outside of the model: see BenchmarkParse.

// parseRows appends the rows in text to dst: {"rows": [[1, 2], [3, 4]]}, with cols numbers in
// each row.
func parseRows(dst []float64, text []byte, cols, most int) ([]float64, error) {
	s := scanner{text: text}
	err := s.only(`"rows"`, func() (err error) {
		dst, err = s.rows(dst, cols, most)
		return err
	})
	return dst, err
}

// rows reads a list of one row or more and appends them to dst.
func (s *scanner) rows(dst []float64, cols, most int) ([]float64, error) {
	n, err := s.list(most, func(row int) (err error) {
		before := len(dst)
		dst, err = s.floats(dst, row, cols)
		if got := len(dst) - before; err == nil && got != cols {
			return bad("row %d has %d numbers, want %d", row, got, cols)
		}
		return err
	})
	if err == nil && n == 0 {
		err = bad("there are no rows")
	}
	return dst, err
}

// parseCodes sets dst to the codes in text: {"codes": [{"latents": [3, 8], "values": [0.5, 2]}]},
// of a model with that many latents.
func parseCodes(dst *codes, text []byte, latents, most int) error {
	s := scanner{text: text}
	return s.only(`"codes"`, func() error { return s.codes(dst, latents, most) })
}

// codes reads a list of one code or more, which dst becomes.
func (s *scanner) codes(dst *codes, latents, most int) error {
	dst.clear()
	n, err := s.list(most, func(row int) error { return s.code(dst, row, latents) })
	if err == nil && n == 0 {
		err = bad("there are no codes")
	}
	return err
}

// code reads one code and adds it to dst. Its two lists may come in any order.
func (s *scanner) code(dst *codes, row, latents int) (err error) {
	if err := s.want(`{`); err != nil {
		return err
	}
	indices, values := len(dst.latents), len(dst.values)
	for part := range 2 {
		isLatents := s.has(`"latents"`)
		if !isLatents && !s.has(`"values"`) {
			return s.unexpected(`"latents" or "values"`)
		}
		if err := s.want(`:`); err != nil {
			return err
		}
		if isLatents {
			dst.latents, err = s.integers(dst.latents, row, latents)
		} else {
			dst.values, err = s.floats(dst.values, row, latents)
		}
		if err == nil {
			err = s.want([]string{`,`, `}`}[part])
		}
		if err != nil {
			return err
		}
	}
	indices, values = len(dst.latents)-indices, len(dst.values)-values
	if indices != values {
		return bad("row %d has %d latents and %d values", row, indices, values)
	}
	dst.counts = append(dst.counts, indices)
	return nil
}

// A scanner reads JSON text from the beginning to the end.
type scanner struct {
	text []byte
	at   int
}

// only reads the whole text, an object of one key, whose value read reads.
func (s *scanner) only(key string, read func() error) error {
	for _, token := range []string{`{`, key, `:`} {
		if err := s.want(token); err != nil {
			return err
		}
	}
	if err := read(); err != nil {
		return err
	}
	if err := s.want(`}`); err != nil {
		return err
	}
	return s.end()
}

// end returns an error where more than space follows.
func (s *scanner) end() error {
	if s.next(); s.at < len(s.text) {
		return s.unexpected("nothing after the end")
	}
	return nil
}

// list is elements for most rows at most.
func (s *scanner) list(most int, element func(i int) error) (int, error) {
	return s.elements(func(i int) error {
		if i == most {
			return tooMany(most)
		}
		return element(i)
	})
}

// elements reads a list: it calls element to read each, and returns how many there were.
func (s *scanner) elements(element func(i int) error) (int, error) {
	if err := s.want(`[`); err != nil {
		return 0, err
	}
	if s.has(`]`) {
		return 0, nil
	}
	for i := 0; ; i++ {
		if err := element(i); err != nil {
			return i, err
		}
		switch s.next() {
		case ']':
			s.at++
			return i + 1, nil
		case ',':
			s.at++
		default:
			return i, s.unexpected(`, or ]`)
		}
	}
}

// floats appends the numbers of a list to dst, at most most of them, which are those of a row.
func (s *scanner) floats(dst []float64, row, most int) ([]float64, error) {
	_, err := s.elements(func(i int) error {
		if i == most {
			return bad("row %d has more than %d numbers", row, most)
		}
		number, err := s.number(row, i)
		if err != nil {
			return err
		}
		v, err := strconv.ParseFloat(string(number), 64)
		if err != nil {
			return bad("row %d: number %d is %.40s, which is too large", row, i, number)
		}
		dst = append(dst, v)
		return nil
	})
	return dst, err
}

// integers is floats for whole numbers from 0.
func (s *scanner) integers(dst []int32, row, most int) ([]int32, error) {
	_, err := s.elements(func(i int) error {
		if i == most {
			return bad("row %d has more than %d latents", row, most)
		}
		number, err := s.number(row, i)
		if err != nil {
			return err
		}
		v, err := strconv.ParseUint(string(number), 10, 31)
		if err != nil {
			return bad("row %d: latent %d is %.40s, want a whole number from 0", row, i, number)
		}
		dst = append(dst, int32(v))
		return nil
	})
	return dst, err
}

// number reads a number, which stands at place i of a row, and returns its text. Its form is
// that of RFC 8259, section 6.
func (s *scanner) number(row, i int) ([]byte, error) {
	s.next()
	first := s.at
	s.skip('-')
	digits := s.digits()
	if digits == 0 || digits > 1 && s.text[s.at-digits] == '0' {
		s.at = first
		for _, name := range []string{"NaN", "Infinity", "-Infinity"} { // as Python writes them
			if s.has(name) {
				return nil, bad("row %d: number %d is %s, want a finite number", row, i, name)
			}
		}
		return nil, s.unexpected("a number")
	}
	whole := !s.skip('.') || s.digits() > 0
	if whole && (s.skip('e') || s.skip('E')) {
		_ = s.skip('+') || s.skip('-')
		whole = s.digits() > 0
	}
	if !whole {
		return nil, s.unexpected("a digit")
	}
	return s.text[first:s.at], nil
}

// digits skips digits and returns how many.
func (s *scanner) digits() int {
	first := s.at
	for s.at < len(s.text) && s.text[s.at]-'0' <= 9 {
		s.at++
	}
	return s.at - first
}

// skip skips c, and reports whether it stood there.
func (s *scanner) skip(c byte) bool {
	if s.at < len(s.text) && s.text[s.at] == c {
		s.at++
		return true
	}
	return false
}

// next skips the space between tokens and returns the byte after it, 0 at the end of the text.
func (s *scanner) next() byte {
	for ; s.at < len(s.text); s.at++ {
		if c := s.text[s.at]; c != ' ' && c != '\n' && c != '\t' && c != '\r' {
			return c
		}
	}
	return 0
}

// has skips space and the token, and reports whether it stood there.
func (s *scanner) has(token string) bool {
	s.next()
	end := s.at + len(token)
	if end > len(s.text) || string(s.text[s.at:end]) != token {
		return false
	}
	s.at = end
	return true
}

// want is has with an error where the token does not stand there.
func (s *scanner) want(token string) error {
	if !s.has(token) {
		return s.unexpected(token)
	}
	return nil
}

// unexpected is the error where something else stands than what is wanted.
func (s *scanner) unexpected(want string) error {
	if s.next(); s.at == len(s.text) {
		return bad("the JSON ends at byte %d, want %s there", s.at, want)
	}
	return bad("the JSON has %q at byte %d, want %s there", s.text[s.at:s.at+1], s.at, want)
}
