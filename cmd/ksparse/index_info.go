package main

import (
	"fmt"
	"io"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/ksparse/ksparse/cmd/ksparse/internal/indexes"
	"github.com/ksparse/ksparse/cmd/ksparse/internal/say"
	"github.com/ksparse/ksparse/internal/natural"
	"github.com/ksparse/ksparse/search"
)

// indexInfoCommand returns the command index info.
func indexInfoCommand() *cobra.Command {
	var asJSON bool
	c := &cobra.Command{
		Use:   "info INDEX",
		Short: "Describe an index: its size, how much a search reads, and what is wrong with it",
		Long: `index info describes an index. The skew is 1 where each latent is active in as many rows as any other, and n where
one of n latents is in all of them. Postings are the rows in the lists of a latent: a search by code reads those of each
latent of the query. Their number decides how long it takes.`,
		Example: `  ksparse index info activations.index`,
		Args:    wantArgs(1, 1, "INDEX"),
		RunE: func(c *cobra.Command, args []string) error {
			x, err := indexes.Open(args[0])
			if err != nil {
				return err
			}
			defer x.Close() // read only
			return printIndex(c.OutOrStdout(), x.Index, x.About, asJSON)
		},
	}
	c.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	return c
}

// indexReport is what index and index info print as JSON.
type indexReport struct {
	Rows       int       `json:"rows"`
	Deleted    int       `json:"deleted"`
	Segments   int       `json:"segments"`
	Latents    int       `json:"latents"`
	L0         float64   `json:"l0"`
	Bytes      int64     `json:"bytes"`
	Skew       float64   `json:"skew"`
	Postings   float64   `json:"postings_a_query"`
	Longest    []longest `json:"longest_lists"`
	Neighbours bool      `json:"neighbours"`
	Model      string    `json:"model,omitempty"`
	Texts      bool      `json:"texts"`
	Warnings   []string  `json:"warnings"`
}

// longest is the list of a latent that is active in many rows.
type longest struct {
	Latent int     `json:"latent"`
	Rows   int     `json:"rows"`
	Share  float64 `json:"share"`
}

// reportOf describes an index.
func reportOf(x *search.Index, about indexes.About) indexReport {
	s := x.Stats()
	r := indexReport{Rows: s.Rows, Deleted: s.Deleted, Segments: s.Segments, Latents: s.Latents, Bytes: s.Bytes, Skew: s.Skew, Postings: s.Postings,
		Neighbours: x.HasRows(), Texts: len(about.Texts) > 0, Warnings: []string{}}
	for _, w := range s.Warnings {
		r.Warnings = append(r.Warnings, say.Text(w))
	}
	if s.Rows+s.Deleted > 0 {
		r.L0 = float64(s.Entries) / float64(s.Rows+s.Deleted)
	}
	if about.Model != nil {
		r.Model = about.Model.Path
	}
	for _, l := range s.Longest {
		r.Longest = append(r.Longest, longest{l.Latent, l.Rows, l.Share})
	}
	return r
}

// printIndex prints what there is to say of an index, as a table or as JSON.
func printIndex(w io.Writer, x *search.Index, about indexes.About, asJSON bool) error {
	r := reportOf(x, about)
	if asJSON {
		return printJSON(w, r)
	}
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	line := func(name, format string, args ...any) { fmt.Fprintf(t, "%s\t%s\n", name, fmt.Sprintf(format, args...)) }
	deleted := ""
	if r.Deleted > 0 {
		deleted = fmt.Sprintf(", and %s that are deleted", natural.Number(r.Deleted))
	}
	line("rows", "%s%s", natural.Number(r.Rows), deleted)
	line("latents", "%s, of which %.4g are active in a row", natural.Number(r.Latents), r.L0)
	line("segments", "%d", r.Segments)
	line("bytes", "%s", natural.Number(int(r.Bytes)))
	line("skew", "%.3g", r.Skew)
	line("postings", "%s read for a query, on average", natural.Number(int(r.Postings)))
	var lists []string
	for _, l := range r.Longest[:min(3, len(r.Longest))] {
		lists = append(lists, fmt.Sprintf("latent %d %.3g %%", l.Latent, 100*l.Share))
	}
	line("longest lists", "%s of the rows", strings.Join(lists, ", "))
	line("searched by", "%s", map[bool]string{true: "code and neighbours", false: "code"}[r.Neighbours])
	if r.Model != "" {
		line("model", "%s", r.Model)
	}
	line("texts", "%s", map[bool]string{true: "a copy, one for each row", false: "none"}[r.Texts])
	for _, warning := range r.Warnings {
		line("WARNING", "%s", warning)
	}
	return t.Flush()
}
