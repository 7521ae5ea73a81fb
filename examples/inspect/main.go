// Command inspect says what a file of a sparse autoencoder is, whether it does on your
// activations what it declares, and writes it in another library's format.
//
//	go run ./inspect path/to/model
//	go run ./inspect -rows activations.npy path/to/model
//	go run ./inspect -to saelens -out converted path/to/model
//	go run ./inspect -hookpoint layers.10 path/to/run
//
// A path may be a file of weights, a folder, or a repository in the Hugging Face cache.
package main

import (
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"

	"gonum.org/v1/gonum/mat"

	"github.com/ksparse/ksparse"
	"github.com/ksparse/ksparse/pretrained"
)

// result is what -json prints.
type result struct {
	Info     pretrained.Info      `json:"info"`
	Findings *pretrained.Findings `json:"findings,omitempty"`
	Saved    *saved               `json:"saved,omitempty"`
}

type saved struct {
	Format pretrained.Format `json:"format"`
	Path   string            `json:"path"`
}

func main() {
	if err := run(os.Args[1:], os.Stdout); err != nil && !errors.Is(err, flag.ErrHelp) {
		fmt.Fprintln(os.Stderr, "inspect:", err)
		os.Exit(1)
	}
}

func run(args []string, w io.Writer) error {
	var (
		open    pretrained.Options
		save    pretrained.SaveOptions
		flags   = flag.NewFlagSet("inspect", flag.ContinueOnError)
		rows    = flags.String("rows", "", "a .npy `file` of activations, samples x inputs, to check the model on")
		outputs = flags.String("outputs", "", "a .npy `file` of what a transcoder should give for the rows")
		most    = flags.Int("most", 10000, "`rows` to check on at most")
		to      = flags.String("to", "", "a `format` to convert to: saelens, sparsify, sentence-transformers or ksparse")
		out     = flags.String("out", "", "the `path` to convert to: a new folder, or for ksparse a file")
		asJSON  = flags.Bool("json", false, "print JSON")
	)
	flags.StringVar(&open.Hookpoint, "hookpoint", "", "which model of a folder with several: its `path` below the folder")
	flags.Float64Var(&open.Threshold, "threshold", 0, "the `threshold` of a model that never learned one")
	flags.Float64Var(&open.Scale, "scale", 0, "the `factor` for the rows of a model that has one and does not say which; 1 for none")
	flags.BoolVar(&open.Unset, "unset", false, "look at a model although its threshold or scale is not known")
	flags.BoolVar(&open.Embedding, "embedding", false, "the Gemma Scope file is of the token embeddings")
	flags.BoolVar(&save.Round, "round", false, "allow float64 weights to be rounded to float32 in converting")
	if err := flags.Parse(args); err != nil {
		return err
	}
	switch {
	case flags.NArg() != 1:
		return fmt.Errorf("want the path of one model after the flags, got %d", flags.NArg())
	case (*to == "") != (*out == ""):
		return errors.New("-to and -out go together")
	case *outputs != "" && *rows == "":
		return errors.New("-outputs goes with -rows")
	case *most < 1:
		return fmt.Errorf("-most is %d, want at least 1", *most)
	}

	m, err := pretrained.Open(flags.Arg(0), open)
	if err != nil {
		return err
	}
	r := result{Info: m.Info}
	if *rows != "" {
		if r.Findings, err = check(m, *rows, *outputs, *most); err != nil {
			return err
		}
	}
	if *to != "" {
		r.Saved = &saved{pretrained.Format(*to), *out}
		if err := m.SaveAs(*out, r.Saved.Format, save); err != nil {
			return err
		}
	}
	if *asJSON {
		e := json.NewEncoder(w)
		e.SetIndent("", "  ")
		return e.Encode(r)
	}
	return r.print(w)
}

// check runs the model on the first rows of the files.
func check(m *pretrained.Model, rows, outputs string, most int) (*pretrained.Findings, error) {
	x, err := read(rows, most)
	if err != nil {
		return nil, err
	}
	if outputs == "" {
		return m.Check(x)
	}
	y, err := read(outputs, most)
	if err != nil {
		return nil, err
	}
	return m.CheckOutputs(x, y)
}

// read returns the first rows of a .npy file.
func read(path string, most int) (mat.Matrix, error) {
	source, err := ksparse.OpenNpy(path)
	if err != nil {
		return nil, err
	}
	defer source.Close() // read only
	n, cols := source.Dims()
	n = min(n, most)
	x := mat.NewDense(n, cols, nil)
	return x, source.ReadRows(x.RawMatrix().Data, 0, n)
}
