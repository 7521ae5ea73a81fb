package main

import (
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"text/tabwriter"
	"unicode"

	"github.com/ksparse/ksparse/cmd/ksparse/internal/indexes"
	"github.com/ksparse/ksparse/search"
)

// printer prints what is found.
type printer struct {
	to      io.Writer
	index   *indexes.Index
	explain bool
	lines   *json.Encoder // nil for tables
	begun   bool          // something is printed
}

// newPrinter returns a printer of what s finds in x.
func newPrinter(to io.Writer, x *indexes.Index, s *searchFlags) *printer {
	p := &printer{to: to, index: x, explain: s.explain}
	if s.asJSON {
		p.lines = json.NewEncoder(to)
		p.lines.SetEscapeHTML(false)
	}
	return p
}

// found is what is printed of a query: of the row of the index with that ID, or of a file with that number.
type found struct {
	Query int64  `json:"query"`
	Text  string `json:"text,omitempty"`
	Hits  []hit  `json:"hits"`
}

// hit is what is printed of a row.
type hit struct {
	ID      int64   `json:"id"`
	Score   float64 `json:"score"`
	Text    string  `json:"text,omitempty"`
	Latents []share `json:"latents,omitempty"`
}

// share is what one latent adds to the product of two codes.
type share struct {
	Latent  int     `json:"latent"`
	Query   float64 `json:"query"`
	Row     float64 `json:"row"`
	Product float64 `json:"product"`
}

// print prints the hits of q.
func (p *printer) print(q query, hits []search.Hit) (err error) {
	f := found{Query: q.number, Hits: []hit{}}
	if q.own {
		if f.Text, err = p.index.Text(q.number); err != nil {
			return err
		}
	}
	for _, h := range hits {
		one := hit{ID: h.ID, Score: h.Score}
		if one.Text, err = p.index.Text(h.ID); err != nil {
			return err
		}
		if p.explain {
			shares, err := p.index.Explain(h.ID, q.latents, q.values)
			if err != nil {
				return err
			}
			for _, s := range shares {
				one.Latents = append(one.Latents, share(s))
			}
		}
		f.Hits = append(f.Hits, one)
	}
	if p.lines != nil {
		return p.lines.Encode(f)
	}
	return p.table(q.name, f)
}

// table prints a table with a line for each hit.
func (p *printer) table(title string, f found) error {
	if p.begun {
		fmt.Fprintln(p.to)
	}
	p.begun = true
	if f.Text != "" {
		title += ": " + oneLine(f.Text)
	}
	if len(f.Hits) == 0 {
		_, err := fmt.Fprintf(p.to, "%s\nnothing is found\n", title)
		return err
	}
	fmt.Fprintln(p.to, title)
	t := tabwriter.NewWriter(p.to, 0, 0, 2, ' ', 0)
	for i, h := range append([]hit{{}}, f.Hits...) {
		cells := []string{fmt.Sprintf("%.6g", h.Score), strconv.FormatInt(h.ID, 10), oneLine(h.Text), products(h.Latents)}
		if i == 0 {
			cells = []string{"score", "ID", "text", "latents"}
		}
		if !p.explain {
			cells = cells[:3]
		}
		if !p.index.HasTexts() {
			cells = slices.Delete(cells, 2, 3)
		}
		fmt.Fprintln(t, strings.Join(cells, "\t"))
	}
	return t.Flush()
}

// products writes what each latent adds.
func products(shares []share) string {
	var parts []string
	for _, s := range shares {
		parts = append(parts, fmt.Sprintf("%d: %.4g x %.4g", s.Latent, s.Query, s.Row))
	}
	return strings.Join(parts, ", ")
}

// widest is how many characters of a text a table shows.
const widest = 60

// oneLine returns the text for a table: no more than fits, and nothing that moves the cursor.
func oneLine(text string) string {
	letters := []rune(strings.Map(func(r rune) rune {
		if unicode.IsControl(r) {
			return ' '
		}
		return r
	}, text))
	if len(letters) > widest {
		letters = append(letters[:widest-1], '…')
	}
	return string(letters)
}
