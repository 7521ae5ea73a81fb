package export

import (
	"math"
	"regexp"

	"github.com/ksparse/ksparse/internal/fault"
)

// Options are the same for a file, its setup and its queries. The zero value suits most uses.
type Options struct {
	// Name is that of the collection, index or table: "" is "codes". It has letters, digits and "_";
	// for Qdrant, Elasticsearch and OpenSearch "-" too, for the latter two no capital letters.
	Name string
	// Field is that of the field or column of the codes, or of Qdrant's named vector: "" is "code". It
	// has letters, digits and "_", and is not "id".
	Field string
	// FirstID is the number that the first row gets, 0 or more. The others count on from it.
	FirstID int64
	// Batch is how many rows are in a request of Qdrant: 0 is 1,000. A request of 16 MB has fewer.
	Batch int
	// Ceiling is the largest value of the codes, for OpenSearchSeismic: Summary.Largest. Setup and Query
	// need it, as the engine stores values as 256 steps up to it, and cuts off larger ones.
	Ceiling float64
	// Progress is called from time to time with how many of the rows are written.
	Progress func(done, rows int)
}

const (
	defaultName  = "codes"
	defaultField = "code"
	idField      = "id"
	defaultBatch = 1000
)

// The names that each engine takes without quotes or escapes. In PostgreSQL a name of more than 63 bytes is cut.
var (
	plainName  = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]{0,62}$`)
	pathName   = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9_-]{0,62}$`)
	luceneName = regexp.MustCompile(`^[a-z0-9][a-z0-9_-]{0,62}$`)
)

// place is where the codes of an engine are: its names are checked.
type place struct {
	name, field string
	ceiling     float32
}

// place checks the names, and what else the options say about the place.
func (o Options) place(f Format) (place, error) {
	p := place{o.Name, o.Field, 0}
	if p.name == "" {
		p.name = defaultName
	}
	if p.field == "" {
		p.field = defaultField
	}
	rule, wanted := plainName, `letters, digits and "_", no digit first`
	switch f {
	case Qdrant:
		rule, wanted = pathName, `letters, digits, "_" and "-", a letter or digit first`
	case Elasticsearch, OpenSearch, OpenSearchSeismic:
		rule, wanted = luceneName, `small letters, digits, "_" and "-", a letter or digit first`
	}
	if !rule.MatchString(p.name) {
		return p, fault.Errorf(fault.ErrRange, "Options.Name is %.100q, want 1 to 63 %s", p.name, wanted)
	}
	if !plainName.MatchString(p.field) || p.field == idField {
		return p, fault.Errorf(fault.ErrRange, `Options.Field is %.100q, want 1 to 63 letters, digits and "_", no digit first, and not %q`, p.field, idField)
	}
	if f == OpenSearchSeismic {
		p.ceiling = float32(o.Ceiling)
		if !(p.ceiling > 0 && p.ceiling <= mostFloat32) {
			return p, fault.Errorf(fault.ErrRange, "Options.Ceiling is %v, want the largest value of the codes, which Summary.Largest of Write is", o.Ceiling)
		}
	}
	return p, nil
}

// check returns an error unless rows can be numbered and put into requests as the options say.
func (o Options) check(rows int) error {
	if o.FirstID < 0 || o.FirstID > math.MaxInt64-int64(rows) {
		return fault.Errorf(fault.ErrRange, "Options.FirstID is %d, want 0 or more, and no number of a row above %d", o.FirstID, int64(math.MaxInt64))
	}
	return fault.Count("Options.Batch", o.Batch)
}
