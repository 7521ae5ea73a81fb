package main

import (
	"fmt"
	"io"
	"slices"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/ksparse/ksparse"
	"github.com/ksparse/ksparse/cmd/ksparse/internal/figures"
	"github.com/ksparse/ksparse/cmd/ksparse/internal/models"
	"github.com/ksparse/ksparse/cmd/ksparse/internal/rows"
	"github.com/ksparse/ksparse/cmd/ksparse/internal/say"
)

// compared are the figures of one model of the command compare.
type compared struct {
	Model string `json:"model"`
	*figures.Figures
}

// compareCommand returns the command compare.
func compareCommand() *cobra.Command {
	var (
		open   models.Options
		from   rows.Options
		asJSON bool
	)
	c := &cobra.Command{
		Use:     "compare MODEL MODEL... DATA",
		Short:   "Measure several models on the same rows, a line each",
		Example: `  ksparse compare sae-16.ksp sae-32.ksp path/to/saelens test.npy`,
		Args:    wantArgs(2, -1, "one MODEL or more, and DATA"),
		RunE: func(c *cobra.Command, args []string) error {
			last := len(args) - 1
			x, err := rows.Open(from, args[last])
			if err != nil {
				return err
			}
			defer x.Close() // read only
			var all []compared
			for _, path := range args[:last] {
				m, err := models.Open(path, open)
				if err != nil {
					return err
				}
				if err := rows.Want(x, m.In(), args[last:]); err != nil {
					return fmt.Errorf("%s: %w", path, err)
				}
				f, err := figuresOf(m, x)
				if err != nil {
					return fmt.Errorf("%s: %w", path, say.Error(models.InFlags(path, err)))
				}
				all = append(all, compared{path, f})
			}
			if asJSON {
				return printJSON(c.OutOrStdout(), all)
			}
			return printCompared(c.OutOrStdout(), all)
		},
	}
	c.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	open.AddFlags(c.Flags())
	from.AddFlags(c.Flags())
	return c
}

// printCompared prints the table of the command compare.
func printCompared(w io.Writer, all []compared) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(t, "latents\tL0\tFVU\tcosine\tdead\tL2 ratio\t  model")
	for _, m := range all {
		fmt.Fprintf(t, "%d\t%.4g\t%.4g\t%.4g\t%d\t%.4g\t  %s\n", m.Latents, m.L0, m.FVU, m.Cosine, m.Dead, m.L2Ratio, m.Model)
	}
	return t.Flush()
}

// difference is what the command diff prints.
type difference struct {
	Models  [2]string          `json:"models"`
	Atoms   [2]int             `json:"atoms"`
	Mean    [2]float64         `json:"mean_max_cosine"` // of the first model's atoms with the second's, and the other way
	Shared  [2]int             `json:"shared"`          // atoms with a cosine of at least 0.9
	Bins    [2][]figures.Bin   `json:"histogram"`
	Matches [2][]figures.Match `json:"matches"`
}

// sharedFrom is the cosine from which on two atoms count as the same.
const sharedFrom = 0.9

// diffCommand returns the command diff.
func diffCommand() *cobra.Command {
	var (
		open   models.Options
		asJSON bool
	)
	c := &cobra.Command{
		Use:   "diff MODEL MODEL",
		Short: "Compare the dictionaries of two models: which atoms both have",
		Long: `diff finds for each atom, a row of the decoder, the atom of the other model with the largest cosine, and prints how these
cosines are distributed, in both directions. --json has the match of each atom.`,
		Example: `  ksparse diff seed1.ksp seed2.ksp`,
		Args:    wantArgs(2, 2, "two models"),
		RunE: func(c *cobra.Command, args []string) error {
			d, err := diff([2]string(args), open)
			if err != nil {
				return err
			}
			if asJSON {
				return printJSON(c.OutOrStdout(), d)
			}
			return d.print(c.OutOrStdout())
		},
	}
	c.Flags().BoolVar(&asJSON, "json", false, "print JSON, with the match of each atom")
	open.AddFlags(c.Flags())
	open.AddUnset(c.Flags())
	return c
}

// diff compares the dictionaries of the models at two paths.
func diff(paths [2]string, open models.Options) (*difference, error) {
	first, err := models.Open(paths[0], open)
	if err != nil {
		return nil, err
	}
	second, err := models.Open(paths[1], open)
	if err != nil {
		return nil, err
	}
	a, err := models.Atoms(paths[0], first)
	if err != nil {
		return nil, err
	}
	b, err := models.Atoms(paths[1], second)
	if err != nil {
		return nil, err
	}
	if a.Cols != b.Cols {
		return nil, fmt.Errorf("the atoms of %s have %d numbers, those of %s %d", paths[0], a.Cols, paths[1], b.Cols)
	}
	d := &difference{Models: paths, Atoms: [2]int{a.Rows, b.Rows}}
	for i, dictionaries := range [2][2]ksparse.Weights{{a, b}, {b, a}} {
		matches, err := figures.Matches(dictionaries[0], dictionaries[1])
		if err != nil {
			return nil, err
		}
		d.Matches[i] = matches
		for _, m := range matches {
			d.Mean[i] += m.Cosine / float64(len(matches))
			if m.Cosine >= sharedFrom {
				d.Shared[i]++
			}
		}
		d.Bins[i] = figures.CosineBins(matches)
	}
	return d, nil
}

// print prints the difference as a table.
func (d *difference) print(w io.Writer) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintf(t, "\t%s\t%s\n", d.Models[0], d.Models[1])
	fmt.Fprintf(t, "atoms\t%d\t%d\n", d.Atoms[0], d.Atoms[1])
	fmt.Fprintf(t, "mean largest cosine\t%.4f\t%.4f\n", d.Mean[0], d.Mean[1])
	fmt.Fprintf(t, "cosine %.1f or more\t%d\t%d\n", sharedFrom, d.Shared[0], d.Shared[1])
	for i, bin := range slices.Backward(d.Bins[0]) {
		fmt.Fprintf(t, "%.1f to %.1f\t%d\t%d\n", bin.From, bin.To, bin.Latents, d.Bins[1][i].Latents)
	}
	return t.Flush()
}
