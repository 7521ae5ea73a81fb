package main

import (
	"encoding/json"
	"errors"
	"io"

	"github.com/spf13/cobra"

	"github.com/ksparse/ksparse/cmd/ksparse/internal/figures"
	"github.com/ksparse/ksparse/cmd/ksparse/internal/models"
	"github.com/ksparse/ksparse/cmd/ksparse/internal/rows"
	"github.com/ksparse/ksparse/data"
	"github.com/ksparse/ksparse/pretrained"
)

// evalCommand returns the command eval.
func evalCommand() *cobra.Command {
	var (
		open    models.Options
		from    rows.Options
		targets string
		asJSON  bool
	)
	c := &cobra.Command{
		Use:   "eval MODEL DATA...",
		Short: "Measure a model on rows: FVU, L0, dead latents and more",
		Long: `eval measures MODEL on all rows of DATA, which it reads twice, some at a time. For a transcoder --targets are what it
should give for the rows.`,
		Example: `  ksparse eval sae.ksp test.npy
  ksparse eval transcoder.ksp inputs.npy --targets outputs.npy --json`,
		Args: wantArgs(2, -1, "MODEL and DATA"),
		RunE: func(c *cobra.Command, args []string) error {
			m, err := models.Open(args[0], open)
			if err != nil {
				return err
			}
			f, err := measured(m, from, args[1:], targets)
			if err != nil {
				return models.InFlags(args[0], err)
			}
			if asJSON {
				return printJSON(c.OutOrStdout(), f)
			}
			return f.Print(c.OutOrStdout())
		},
	}
	f := c.Flags()
	f.StringVar(&targets, "targets", "", "of a transcoder: `data` with the row that it should give for each row")
	f.BoolVar(&asJSON, "json", false, "print JSON")
	open.AddFlags(f)
	from.AddFlags(f)
	return c
}

// measured measures a model on the rows at paths, and the targets where there are some.
func measured(m *pretrained.Model, from rows.Options, paths []string, targets string) (*figures.Figures, error) {
	x, err := rows.Open(from, paths...)
	if err != nil {
		return nil, err
	}
	defer x.Close() // read only
	if err := rows.Want(x, m.In(), paths); err != nil {
		return nil, err
	}
	if targets == "" {
		return figuresOf(m, x)
	}
	y, err := rows.Open(from, targets)
	if err != nil {
		return nil, err
	}
	defer y.Close()
	pair, err := rows.Pair(x, y, paths, targets)
	if err != nil {
		return nil, err
	}
	return figures.Of(m, pair)
}

// figuresOf measures an autoencoder on rows.
func figuresOf(m *pretrained.Model, x data.Source) (*figures.Figures, error) {
	if m.Out() != m.In() || m.Info.Transcoder {
		return nil, errors.New("the model is a transcoder: --targets of ksparse eval says what it should give")
	}
	return figures.Of(m, x)
}

// printJSON prints v as JSON.
func printJSON(w io.Writer, v any) error {
	e := json.NewEncoder(w)
	e.SetIndent("", "  ")
	return e.Encode(v)
}
