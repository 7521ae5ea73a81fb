package main

import (
	"fmt"
	"io"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"
	"gonum.org/v1/gonum/mat"

	"github.com/ksparse/ksparse"
	"github.com/ksparse/ksparse/cmd/ksparse/internal/models"
	"github.com/ksparse/ksparse/cmd/ksparse/internal/rows"
	"github.com/ksparse/ksparse/cmd/ksparse/internal/say"
	"github.com/ksparse/ksparse/codefile"
	"github.com/ksparse/ksparse/data"
	"github.com/ksparse/ksparse/pretrained"
)

// encodeCommand returns the command encode.
func encodeCommand() *cobra.Command {
	var (
		open        models.Options
		from        rows.Options
		out, values string
		force       bool
	)
	c := &cobra.Command{
		Use:   "encode MODEL DATA... -o CODES",
		Short: "Write which latents are active in each row, and their values",
		Long: `encode writes the codes of all rows of DATA. A file whose name ends in .ksc is small and fast: it has the values as
exactly as --values says, and decode gives rows in the scale of DATA again, whatever the model's normalisation.
doc/codes.md describes it. One that ends in .jsonl has a line for each row, without zeros:

  {"latents":[3,17],"values":[0.5,1.25]}

One that ends in .npz is a CSR matrix of rows by latents, which scipy.sparse.load_npz reads.`,
		Example: `  ksparse encode sae.ksp activations.npy -o codes.ksc --values float16
  ksparse encode sae.ksp activations.npy -o codes.jsonl
  ksparse encode sae.ksp activations.npy -o codes.npz`,
		Args: wantArgs(2, -1, "MODEL and DATA"),
		RunE: func(c *cobra.Command, args []string) error {
			if err := mayWrite(out, force, args...); err != nil {
				return err
			}
			precision, err := wantPrecision(values, out)
			if err != nil {
				return err
			}
			m, err := models.Open(args[0], open)
			if err != nil {
				return err
			}
			x, err := rows.Open(from, args[1:]...)
			if err != nil {
				return err
			}
			defer x.Close() // read only
			codes, err := codesOf(m, x, args)
			if err != nil {
				return err
			}
			s, err := codefile.Write(c.Context(), out, codes, codefile.Options{Values: precision})
			if err != nil {
				return err
			}
			return printCodes(c.OutOrStdout(), s, out)
		},
	}
	f := c.Flags()
	f.StringVarP(&out, "output", "o", "", "the `file` of codes, .ksc, .jsonl or .npz")
	f.StringVar(&values, "values", "float64", "how exactly a .ksc file keeps the values: float64, float32 or float16")
	complete(c, "values", "float64", "float32", "float16")
	f.BoolVar(&force, "force", false, "replace a file that exists")
	open.AddFlags(f)
	from.AddFlags(f)
	return c
}

// codesOf returns the codes of rows by a model; args are MODEL and DATA.
func codesOf(m *pretrained.Model, x data.Source, args []string) (codefile.Source, error) {
	frozen, err := m.Freeze() // fast for many rows
	if err != nil {
		return nil, models.InFlags(args[0], err)
	}
	if err := rows.Want(x, m.In(), args[1:]); err != nil {
		return nil, err
	}
	return codefile.Encode(frozen, x)
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
		Long: `decode reads codes as encode writes them, .ksc, .jsonl or .npz, and writes the rows that MODEL reconstructs from them. Of
a model that scales each row by its own numbers (layer_norm, unit_rms) only .ksc files hold those numbers; from
the others the rows come as the model sees them.`,
		Example: `  ksparse decode sae.ksp codes.ksc -o reconstructed.npy`,
		Args:    wantArgs(2, 2, "MODEL and CODES"),
		RunE: func(c *cobra.Command, args []string) error {
			if err := mayWrite(out, force, args...); err != nil {
				return err
			}
			m, err := models.Open(args[0], open)
			if err != nil {
				return err
			}
			file, err := codefile.Open(args[1])
			if err != nil {
				return err
			}
			defer file.Close() // read only
			codes, err := codefile.Widen(file, m.Info.Latents)
			if err != nil {
				return fmt.Errorf("%s has %d latents: %w", args[0], m.Info.Latents, say.Error(err))
			}
			d := &decoded{model: m, codes: codes}
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

// wantPrecision returns the precision of that name, for a file of codes at path.
func wantPrecision(name, path string) (codefile.Precision, error) {
	if err := codefile.CheckPath(path); err != nil {
		return 0, say.Wrong("%v", say.Error(err))
	}
	for _, p := range []codefile.Precision{codefile.Float64, codefile.Float32, codefile.Float16} {
		if p.String() == name {
			if p != codefile.Float64 && !strings.EqualFold(filepath.Ext(path), ".ksc") {
				return 0, say.Wrong("--values %s goes with a .ksc file, other files have float64", name)
			}
			return p, nil
		}
	}
	return 0, say.Wrong("--values is %q, want float64, float32 or float16", name)
}

// printCodes says what was written to the file of codes at path.
func printCodes(w io.Writer, s codefile.Summary, path string) error {
	loss := ""
	if s.Error > 0 {
		loss = fmt.Sprintf(", values rounded by up to %.2g of themselves", s.Error)
	}
	_, err := fmt.Fprintf(w, "%d codes of %d latents, L0 %.4g%s, in %s\n", s.Rows, s.Latents, float64(s.Entries)/float64(s.Rows), loss, path)
	return err
}

// decoded is a data.Source of the rows that a model makes of codes. One goroutine reads it at a time.
type decoded struct {
	model interface {
		Out() int
		DecodeInto(dst *mat.Dense, c *ksparse.Codes) error
	}
	codes codefile.Source
	read  ksparse.Codes
}

// Dims returns the number of codes, and of the model's outputs.
func (d *decoded) Dims() (rows, cols int) {
	rows, _ = d.codes.Dims()
	return rows, d.model.Out()
}

// ReadRows decodes the codes lo to hi.
func (d *decoded) ReadRows(dst []float64, lo, hi int) error {
	if lo == hi {
		return nil
	}
	if err := d.codes.ReadCodes(&d.read, lo, hi); err != nil {
		return err
	}
	return d.model.DecodeInto(mat.NewDense(hi-lo, d.model.Out(), dst), &d.read)
}
