package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"github.com/ksparse/ksparse/cmd/ksparse/internal/codes"
	"github.com/ksparse/ksparse/cmd/ksparse/internal/models"
	"github.com/ksparse/ksparse/cmd/ksparse/internal/rows"
	"github.com/ksparse/ksparse/cmd/ksparse/internal/say"
	"github.com/ksparse/ksparse/data"
)

// encodeCommand returns the command encode.
func encodeCommand() *cobra.Command {
	var (
		open  models.Options
		from  rows.Options
		out   string
		force bool
	)
	c := &cobra.Command{
		Use:   "encode MODEL DATA... -o CODES",
		Short: "Write which latents are active in each row, and their values",
		Long: `encode writes the codes of all rows of DATA, without zeros. A file whose name ends in .jsonl has a line for each row:

  {"latents":[3,17],"values":[0.5,1.25]}

One that ends in .npz is a CSR matrix of rows by latents, which scipy.sparse.load_npz reads.`,
		Example: `  ksparse encode sae.ksp activations.npy -o codes.jsonl
  ksparse encode sae.ksp activations.npy -o codes.npz`,
		Args: wantArgs(2, -1, "MODEL and DATA"),
		RunE: func(c *cobra.Command, args []string) error {
			if err := mayWrite(out, force); err != nil {
				return err
			}
			if _, err := codes.Kind(out); err != nil {
				return err
			}
			m, err := models.Open(args[0], open)
			if err != nil {
				return err
			}
			frozen, err := m.Freeze() // fast for many rows
			if err != nil {
				return models.InFlags(args[0], err)
			}
			x, err := rows.Open(from, args[1:]...)
			if err != nil {
				return err
			}
			defer x.Close() // read only
			if err := rows.Want(x, m.In(), args[1:]); err != nil {
				return err
			}
			s, err := codes.Write(out, frozen, x, func(int) error { return c.Context().Err() })
			if err != nil {
				return err
			}
			_, err = fmt.Fprintf(c.OutOrStdout(), "%d codes of %d latents, L0 %.4g, in %s\n", s.Rows, s.Latents, float64(s.Entries)/float64(s.Rows), out)
			return err
		},
	}
	f := c.Flags()
	f.StringVarP(&out, "output", "o", "", "the `file` of codes, .jsonl or .npz")
	f.BoolVar(&force, "force", false, "replace a file that exists")
	open.AddFlags(f)
	from.AddFlags(f)
	return c
}

// decodeCommand returns the command decode.
func decodeCommand() *cobra.Command {
	var (
		open            models.Options
		out             string
		float64s, force bool
	)
	c := &cobra.Command{
		Use:   "decode MODEL CODES -o ROWS.npy",
		Short: "Write the rows that a model makes of codes",
		Long: `decode reads codes as encode writes them, .jsonl or .npz, and writes the rows that MODEL reconstructs from them. A model
that scales each row by its own numbers (layer_norm, unit_rms) gives them as it sees them, for codes do not hold
those numbers.`,
		Example: `  ksparse decode sae.ksp codes.npz -o reconstructed.npy`,
		Args:    wantArgs(2, 2, "MODEL and CODES"),
		RunE: func(c *cobra.Command, args []string) error {
			if err := mayWrite(out, force); err != nil {
				return err
			}
			m, err := models.Open(args[0], open)
			if err != nil {
				return err
			}
			read, err := codes.Read(args[1])
			if err != nil {
				return err
			}
			if read.Latents > m.Info.Latents && read.Where != "" {
				return fmt.Errorf("%s: %s has the latent %d, and %s has %d latents, from 0 on", args[1], read.Where, read.Latents-1, args[0], m.Info.Latents)
			}
			if read.Latents > m.Info.Latents {
				return fmt.Errorf("%s has codes of %d latents, %s has %d", args[1], read.Latents, args[0], m.Info.Latents)
			}
			d := &codes.Decoded{Model: m, Codes: read, Latents: m.Info.Latents}
			if err := data.WriteNpy(out, d, float64s); err != nil {
				return fmt.Errorf("decoding %s: %w", args[1], say.Error(err))
			}
			n, cols := d.Dims()
			_, err = fmt.Fprintf(c.OutOrStdout(), "%d rows of %d numbers, in %s\n", n, cols, out)
			return err
		},
	}
	f := c.Flags()
	f.StringVarP(&out, "output", "o", "", "the .npy `file` of rows")
	f.BoolVar(&float64s, "float64", false, "write float64, not float32")
	f.BoolVar(&force, "force", false, "replace a file that exists")
	open.AddFlags(f)
	return c
}
