package serve

import "strconv"

// query is what a request to /search asks for beside its rows or codes.
type query struct {
	hasRows bool // there are rows to encode, not codes
	k       int
	by      string // one of searchCode, searchRows, "" for the better of those that there are
	recall  float64
	ids     []int64 // only rows with these are searched for
	only    bool    // there are ids
	explain bool
}

// The kinds of search.
const (
	searchCode = "code"
	searchRows = "neighbours"
)

// usualHits is k where a request does not say it.
const usualHits = 10

// parseSearch reads the body of a request to /search into x. Its fields may come in any order:
// "rows" or "codes" as in the other requests, and "k", "by", "recall", "only", "explain".
func (s *Server) parseSearch(x *exchange, text []byte) error {
	in := scanner{text: text}
	q := &x.query
	*q = query{k: min(usualHits, s.options.MaxHits), ids: q.ids[:0]}
	x.rows, x.n = x.rows[:0], 0
	x.codes.clear()
	err := in.fields([]field{
		{`"rows"`, func() (err error) {
			q.hasRows = true
			x.rows, err = in.rows(x.rows, s.in, s.options.MaxRows)
			return err
		}},
		{`"codes"`, func() error { return in.codes(&x.codes, s.latents, s.options.MaxRows) }},
		{`"k"`, func() (err error) {
			q.k, err = in.whole("k", s.options.MaxHits)
			return err
		}},
		{`"by"`, func() error { return in.choice(&q.by, searchCode, searchRows) }},
		{`"recall"`, func() (err error) {
			q.recall, err = in.share("recall")
			return err
		}},
		{`"only"`, func() (err error) {
			q.only = true
			q.ids, err = in.ids(q.ids)
			return err
		}},
		{`"explain"`, func() (err error) {
			q.explain, err = in.truth()
			return err
		}},
	})
	if err != nil {
		return err
	}
	x.n = len(x.codes.counts)
	if q.hasRows == (x.n > 0) {
		return bad(`the request has %s, want "rows" or "codes"`, map[bool]string{true: "both rows and codes", false: "no rows and no codes"}[q.hasRows])
	}
	if q.hasRows {
		x.n = len(x.rows) / s.in
	}
	return nil
}

// A field is a field of an object: its name with quotes, and what reads its value.
type field struct {
	name string
	read func() error
}

// fields reads the whole text, an object of some of the fields, each once at most.
func (s *scanner) fields(all []field) error {
	if err := s.want(`{`); err != nil {
		return err
	}
	seen := 0
	for more := !s.has(`}`); more; {
		i := 0
		for i < len(all) && !s.has(all[i].name) {
			i++
		}
		if i == len(all) {
			return s.unexpected(`"rows", "codes", "k", "by", "recall", "only" or "explain"`)
		}
		if seen&(1<<i) != 0 {
			return bad("the request has the field %s twice", all[i].name)
		}
		seen |= 1 << i
		if err := s.want(`:`); err != nil {
			return err
		}
		if err := all[i].read(); err != nil {
			return err
		}
		if more = s.has(`,`); !more {
			if err := s.want(`}`); err != nil {
				return err
			}
		}
	}
	return s.end()
}

// whole reads a whole number from 1 to most.
func (s *scanner) whole(name string, most int) (int, error) {
	number, err := s.plain(name)
	if err != nil {
		return 0, err
	}
	v, err := strconv.Atoi(string(number))
	if err != nil || v < 1 || v > most {
		return 0, bad("%s is %.40s, want a whole number from 1 to %d", name, number, most)
	}
	return v, nil
}

// share reads a number above 0, up to 1.
func (s *scanner) share(name string) (float64, error) {
	number, err := s.plain(name)
	if err != nil {
		return 0, err
	}
	v, err := strconv.ParseFloat(string(number), 64)
	if err != nil || !(v > 0 && v <= 1) {
		return 0, bad("%s is %.40s, want a number above 0, up to 1", name, number)
	}
	return v, nil
}

// plain reads a number that stands in no list.
func (s *scanner) plain(name string) ([]byte, error) {
	if c := s.next(); c != '-' && (c < '0' || c > '9') {
		return nil, s.unexpected("a number for " + name)
	}
	return s.number(0, 0)
}

// ids appends the IDs of a list to dst.
func (s *scanner) ids(dst []int64) ([]int64, error) {
	_, err := s.elements(func(i int) error {
		number, err := s.plain("an ID")
		if err != nil {
			return err
		}
		id, err := strconv.ParseInt(string(number), 10, 64)
		if err != nil || id < 0 {
			return bad("ID %d of only is %.40s, want a whole number from 0", i, number)
		}
		dst = append(dst, id)
		return nil
	})
	return dst, err
}

// choice reads one of two texts.
func (s *scanner) choice(to *string, one, other string) error {
	for _, text := range []string{one, other} {
		if s.has(`"` + text + `"`) {
			*to = text
			return nil
		}
	}
	return s.unexpected(`"` + one + `" or "` + other + `"`)
}

// truth reads true or false.
func (s *scanner) truth() (bool, error) {
	if s.has("true") {
		return true, nil
	}
	if s.has("false") {
		return false, nil
	}
	return false, s.unexpected("true or false")
}
