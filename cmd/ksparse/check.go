package main

import (
	"encoding/json"
	"fmt"
	"io"

	"github.com/spf13/cobra"
	"gonum.org/v1/gonum/mat"

	"github.com/ksparse/ksparse/cmd/ksparse/internal/models"
	"github.com/ksparse/ksparse/cmd/ksparse/internal/rows"
	"github.com/ksparse/ksparse/cmd/ksparse/internal/say"
	"github.com/ksparse/ksparse/codefile"
	"github.com/ksparse/ksparse/internal/dense"
	"github.com/ksparse/ksparse/internal/feed"
	"github.com/ksparse/ksparse/internal/matrix"
	"github.com/ksparse/ksparse/internal/sniff"
	"github.com/ksparse/ksparse/pretrained"
)

// infoCommand returns the command info.
func infoCommand() *cobra.Command {
	var (
		open   models.Options
		asJSON bool
	)
	c := &cobra.Command{
		Use:   "info MODEL",
		Short: "Say what a model is: format, sizes, selection, notes; or what a file of codes holds",
		Example: `  ksparse info sae.ksp
  ksparse info path/to/run --hookpoint layers.10
  ksparse info codes.ksc`,
		Args: wantArgs(1, 1, "MODEL"),
		RunE: func(c *cobra.Command, args []string) error {
			if is, err := sniff.File(args[0]); err == nil && is == sniff.Codes {
				return codesInfo(c.OutOrStdout(), args[0], asJSON)
			}
			m, err := models.Open(args[0], open)
			if err != nil {
				return err
			}
			return result{Info: m.Info}.write(c.OutOrStdout(), asJSON)
		},
	}
	c.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	open.AddFlags(c.Flags())
	open.AddUnset(c.Flags())
	return c
}

// codesInfo says what the file of codes at path holds.
func codesInfo(w io.Writer, path string, asJSON bool) error {
	f, err := codefile.Open(path)
	if err != nil {
		return err
	}
	defer f.Close() // read only
	if !asJSON {
		_, err = fmt.Fprintln(w, f)
		return err
	}
	rows, latents := f.Dims()
	return json.NewEncoder(w).Encode(map[string]any{"codes": f.String(), "rows": rows, "latents": latents})
}

// checkFlags are the flags of the command check.
type checkFlags struct {
	open    models.Options
	rows    rows.Options
	targets string
	most    int
	asJSON  bool
}

// checkCommand returns the command check.
func checkCommand() *cobra.Command {
	var k checkFlags
	c := &cobra.Command{
		Use:   "check MODEL [DATA...]",
		Short: "Check whether a model does on rows what its file declares",
		Long: `check opens MODEL, which finds what is not, or not fully, understood, and with DATA runs it on the first rows: it finds rows of
another layer or scale, and weights that do not belong to their configuration. Some hundred rows show most faults,
some ten thousand the dead latents. It ends with the exit code 1 where something looks wrong.`,
		Example: `  ksparse check path/to/model activations.npy
  ksparse check path/to/transcoder inputs.npy --targets outputs.npy`,
		Args: wantArgs(1, -1, "MODEL, and DATA perhaps"),
		RunE: func(c *cobra.Command, args []string) error { return k.run(c, args[0], args[1:]) },
	}
	f := c.Flags()
	f.StringVar(&k.targets, "targets", "", "`data` with what a transcoder should give for the rows")
	f.IntVar(&k.most, "most", 10000, "`rows` to check on at most")
	f.BoolVar(&k.asJSON, "json", false, "print JSON")
	k.open.AddFlags(f)
	k.open.AddUnset(f)
	k.rows.AddFlags(f)
	return c
}

// run checks the model at path.
func (k *checkFlags) run(c *cobra.Command, path string, paths []string) error {
	switch {
	case len(paths) == 0 && k.targets != "":
		return say.Wrong("--targets goes with DATA")
	case len(paths) == 0 && c.Flags().Changed("most"):
		return say.Wrong("--most goes with DATA")
	case k.most < 1:
		return say.Wrong("--most is %d, want at least 1", k.most)
	}
	m, err := models.Open(path, k.open)
	if err != nil {
		return err
	}
	r := result{Info: m.Info}
	if len(paths) > 0 {
		if r.Findings, err = k.findings(m, paths); err != nil {
			return models.InFlags(path, err)
		}
	}
	if err := r.write(c.OutOrStdout(), k.asJSON); err != nil {
		return err
	}
	if r.Findings != nil && len(r.Findings.Problems) > 0 {
		return fmt.Errorf("%s: something looks wrong: %s", path, r.Findings.Problems[0])
	}
	return nil
}

// findings runs the model on the first rows of the files.
func (k *checkFlags) findings(m *pretrained.Model, paths []string) (*pretrained.Findings, error) {
	x, err := firstRows(k.rows, k.most, paths...)
	if err != nil {
		return nil, err
	}
	if err := rows.Want(x, m.In(), paths); err != nil {
		return nil, err
	}
	if k.targets == "" {
		return m.Check(x)
	}
	y, err := firstRows(k.rows, k.most, k.targets)
	if err != nil {
		return nil, err
	}
	return m.CheckOutputs(x, y)
}

// firstRows returns the first rows of files.
func firstRows(o rows.Options, most int, paths ...string) (mat.Matrix, error) {
	source, err := rows.Open(o, paths...)
	if err != nil {
		return nil, err
	}
	defer source.Close() // read only
	n, cols := source.Dims()
	table, err := feed.Check(source, cols, cols)
	if err != nil {
		return nil, err
	}
	var memory matrix.Rows
	x, _, err := table.Read(&memory, 0, min(n, most))
	if err != nil {
		return nil, err
	}
	return dense.Of(x), nil
}
