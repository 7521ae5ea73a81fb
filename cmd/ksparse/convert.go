package main

import (
	"fmt"
	"os"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/ksparse/ksparse/cmd/ksparse/internal/models"
	"github.com/ksparse/ksparse/cmd/ksparse/internal/rows"
	"github.com/ksparse/ksparse/cmd/ksparse/internal/say"
	"github.com/ksparse/ksparse/pretrained"
)

// convertCommand returns the command convert.
func convertCommand() *cobra.Command {
	var (
		open              models.Options
		to, out           string
		round, force, asJ bool
	)
	c := &cobra.Command{
		Use:   "convert MODEL -o OUT --to FORMAT",
		Short: "Write a model in the format of another library",
		Long: `convert writes MODEL as OUT in one of the formats saelens, sparsify, sentence-transformers (each a new folder) and ksparse: a
file of safetensors, or the network file that train writes where OUT ends in .ksp. What a format cannot express is an
error.`,
		Example: `  ksparse convert sae.ksp -o sae-saelens --to saelens
  ksparse convert path/to/sparsify/layers.10 -o sae.ksp --to ksparse`,
		Args: wantArgs(1, 1, "MODEL"),
		RunE: func(c *cobra.Command, args []string) error {
			if !slices.Contains(models.Formats, to) {
				return say.Wrong("--to is %q, want one of %s", to, strings.Join(models.Formats, ", "))
			}
			if info, err := os.Stat(out); err != nil || !info.IsDir() { // a folder is never replaced, unless it is empty
				if err := mayWrite(out, force); err != nil {
					return err
				}
			}
			m, err := models.Open(args[0], open)
			if err != nil {
				return err
			}
			if err := models.Save(m, out, pretrained.Format(to), round); err != nil {
				return err
			}
			return result{m.Info, nil, &saved{pretrained.Format(to), out}}.write(c.OutOrStdout(), asJ)
		},
	}
	f := c.Flags()
	f.StringVarP(&out, "output", "o", "", "the `path` to write: a new folder, or for ksparse a file")
	f.StringVar(&to, "to", "", "the `format`: "+strings.Join(models.Formats, ", "))
	f.BoolVar(&round, "round", false, "allow float64 weights to be rounded to float32")
	f.BoolVar(&force, "force", false, "replace a file that exists")
	f.BoolVar(&asJ, "json", false, "print JSON")
	open.AddFlags(f)
	complete(c, "to", models.Formats...)
	return c
}

// calibrateCommand returns the command calibrate.
func calibrateCommand() *cobra.Command {
	var (
		open  models.Options
		from  rows.Options
		l0    float64
		out   string
		force bool
	)
	c := &cobra.Command{
		Use:   "calibrate MODEL DATA... --l0 N -o OUT.ksp",
		Short: "Give a model one threshold, so that N latents are active on average",
		Long: `calibrate finds the threshold above which the rows of DATA have N active latents on average, and writes the model with
it. From then on the model selects by the threshold, so rows differ in how many latents are active.`,
		Example: `  ksparse calibrate sae.ksp activations.npy --l0 40 -o sae-40.ksp`,
		Args:    wantArgs(2, -1, "MODEL and DATA"),
		RunE: func(c *cobra.Command, args []string) error {
			if !(l0 > 0) {
				return say.Wrong("--l0 is %v, want how many latents should be active", l0)
			}
			if err := mayWrite(out, force, args[1:]...); err != nil {
				return err
			}
			open.Unset = true // a threshold that is missing is what this is for
			m, err := models.Open(args[0], open)
			if err != nil {
				return err
			}
			x, err := rows.Open(from, args[1:]...)
			if err != nil {
				return err
			}
			defer x.Close() // read only
			if err := rows.Want(x, m.In(), args[1:]); err != nil {
				return err
			}
			threshold, err := m.Calibrate(x, l0)
			if err != nil {
				return models.InFlags(args[0], err)
			}
			if err := m.SaveFile(out); err != nil {
				return err
			}
			_, err = fmt.Fprintf(c.OutOrStdout(), "threshold %.6g: %.4g latents are active on average; %s is the model\n", threshold, l0, out)
			return err
		},
	}
	f := c.Flags()
	f.StringVarP(&out, "output", "o", "", "the `file` of the calibrated model")
	f.Float64Var(&l0, "l0", 0, "how many `latents` should be active in a row, on average")
	f.BoolVar(&force, "force", false, "replace a file that exists")
	open.AddFlags(f)
	from.AddFlags(f)
	return c
}
