package main

import (
	"bufio"
	"context"
	_ "embed"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/ksparse/ksparse/measure"
	"gonum.org/v1/gonum/mat"

	"github.com/ksparse/ksparse/bench/internal/host"
)

//go:embed quality.py
var script string

const howToGet = "apt-get install python3-torch python3-numpy libopenblas0-pthread"

// job is one training of a peer, as quality.py gets it.
type job struct {
	Library   string   `json:"library"`
	Snapshot  string   `json:"snapshot"`
	Train     string   `json:"train"` // files of float32 numbers, row after row
	Held      string   `json:"held"`
	Atoms     string   `json:"atoms"` // the file to write the learned atoms to; "" for none
	Inputs    int      `json:"inputs"`
	Latents   int      `json:"latents"`
	K         int      `json:"k"`
	Steps     int      `json:"steps"`
	Batch     int      `json:"batch"`
	Rate      *float64 `json:"rate"` // nil: the library's own
	Select    string   `json:"select"`
	Recipe    string   `json:"recipe"`
	Optimizer string   `json:"optimizer"` // of sparsify
	Seed      uint64   `json:"seed"`
	Threads   int      `json:"threads"`
	At        []int    `json:"at"` // the steps after which to evaluate
	name      string
}

// versions names what the process runs on.
type versions struct {
	Python, Numpy, Torch, Blas string
}

// message is one line of the process. A number is nil where it is not finite.
type message struct {
	Ready *versions
	Note  string
	Error string
	Point *struct {
		Step    int
		Seconds float64
		FVU     *float64
	}
	Done *struct{ L0, Dead, Rate float64 }
}

// command returns the command that runs quality.py with the arguments.
func command(ctx context.Context, python string, procs int, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, python, append([]string{"-u", "-c", script}, args...)...)
	cmd.Env = host.PeerEnvironment(os.Environ(), procs)
	return cmd
}

// listen runs the process until it ends, and calls f with each of its messages. The process
// ends with the context, and when this program does: its standard input is then closed.
func listen(cmd *exec.Cmd, f func(message)) error {
	in, err := cmd.StdinPipe()
	if err != nil {
		return err
	}
	defer in.Close()
	out, err := cmd.StdoutPipe()
	if err != nil {
		return err
	}
	if err := cmd.Start(); err != nil {
		return err
	}
	lines := bufio.NewReader(out)
	for err == nil {
		var line []byte
		if line, err = lines.ReadBytes('\n'); err != nil {
			break
		}
		var m message
		if err = json.Unmarshal(line, &m); err != nil {
			err = fmt.Errorf("cannot read its line %.80q: %w", line, err)
		} else if m.Error != "" {
			err = errors.New(m.Error)
		} else {
			f(m)
		}
	}
	if err != io.EOF {
		cmd.Process.Kill()
		cmd.Wait()
		return err
	}
	return cmd.Wait()
}

// findPeers finds out whether Python and PyTorch are there, and writes their versions, or how
// to get them.
func (o *options) findPeers(ctx context.Context, w io.Writer) error {
	o.onlyOurs = true
	if o.python == "" {
		return nil
	}
	if o.dictionaryLearning == "" && o.sparsify == "" {
		fmt.Fprintln(w, "\nOurs only: -dictionary_learning and -sparsify name folders where the peers are checked out.")
		return nil
	}
	var found *versions
	cmd := command(ctx, o.python, o.procs)
	err := listen(cmd, func(m message) { found = m.Ready })
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if err != nil || found == nil {
		if err == nil {
			err = errors.New("it says nothing")
		}
		fmt.Fprintf(w, "\nOurs only: %s cannot run the peers (%v). They need %s; -python names another interpreter.\n", o.python, err, howToGet)
		return nil
	}
	o.onlyOurs = false
	fmt.Fprintf(w, "\nPeers: torch %s, numpy %s, Python %s, BLAS %s, float32, %d threads\n", found.Torch, found.Numpy, found.Python, found.Blas, o.procs)
	if strings.HasPrefix(found.Blas, "libblas") {
		fmt.Fprintln(w, "This BLAS is the plain reference library, many times slower than OpenBLAS: install libopenblas0-pthread before times are compared.")
	}
	return nil
}

// jobs returns the trainings of the peers that the options ask for, and a note on what is left out.
func (o options) jobs(base job) (list []job, note string) {
	if o.onlyOurs {
		return nil, ""
	}
	add := func(j job, what string) {
		for _, text := range strings.Split(o.peerRates, ",") {
			j.Rate, j.name = nil, j.Library+" "+what
			if text != "auto" {
				rate, _ := strconv.ParseFloat(text, 64) // check has read it
				j.Rate = &rate
			}
			list = append(list, j)
		}
	}
	recipes := strings.Split(o.peerRecipes, ",")
	for _, recipe := range recipes {
		base.Recipe = recipe
		more := ""
		if len(recipes) > 1 || recipe != "own" {
			more = ", " + recipe
		}
		if o.dictionaryLearning != "" {
			j := base
			j.Library, j.Snapshot = "dictionary_learning", o.dictionaryLearning
			add(j, map[string]string{"topk": "TopK", "batchtopk": "BatchTopK"}[o.selection]+more)
		}
		if o.sparsify == "" {
			continue
		}
		if o.selection != "topk" {
			note = "sparsify has no BatchTopK and is left out."
			continue
		}
		for _, optimizer := range strings.Split(o.sparsifyOptimizers, ",") {
			if optimizer == "signum" && recipe != recipes[0] {
				continue // it has no schedule, so the recipe changes nothing
			}
			j := base
			j.Library, j.Snapshot, j.Optimizer = "sparsify", o.sparsify, optimizer
			if optimizer == "signum" {
				add(j, optimizer)
			} else {
				add(j, optimizer+more)
			}
		}
	}
	return list, note
}

// train runs the training of a peer. A fault of the peer is in the outcome, so that the others
// can go on.
func (j job) train(ctx context.Context, o options, truth *mat.Dense) (outcome, error) {
	r := outcome{name: j.name, recovery: math.NaN(), rate: math.NaN()}
	if j.Rate != nil {
		r.rate = *j.Rate
	}
	text, err := json.Marshal(j)
	if err != nil {
		return r, err
	}
	cmd := command(ctx, o.python, o.procs, string(text))
	var stderr strings.Builder
	cmd.Stderr = &stderr
	done := false
	err = listen(cmd, func(m message) { done = r.hear(m) || done })
	switch {
	case ctx.Err() != nil:
		return r, ctx.Err()
	case err == nil && !done:
		err = errors.New("it ended without a result")
	}
	if err == nil && j.Atoms != "" {
		r.recovery, err = recovered(j, truth)
	}
	if err != nil {
		fmt.Fprint(o.progress, stderr.String())
		r.failed, r.curve = err.Error(), nil
	}
	return r, nil
}

// hear takes a message into the outcome, and reports whether it was the result.
func (o *outcome) hear(m message) (done bool) {
	if m.Note != "" {
		o.notes = append(o.notes, m.Note)
	}
	if p := m.Point; p != nil {
		f := math.NaN()
		if p.FVU != nil {
			f = *p.FVU
		}
		o.curve = append(o.curve, point{p.Step, p.Seconds, f})
	}
	if m.Done != nil {
		o.l0, o.dead, o.rate = m.Done.L0, m.Done.Dead, m.Done.Rate
	}
	return m.Done != nil
}

// writeRows writes the rows of the dataset to the folder, as the process reads them, and returns
// a job that has them.
func writeRows(folder string, d *dataset) (job, error) {
	j := job{Train: filepath.Join(folder, "train.f32"), Held: filepath.Join(folder, "held.f32")}
	if d.truth != nil {
		j.Atoms = filepath.Join(folder, "atoms.f32")
	}
	return j, errors.Join(writeFloats(j.Train, d.train), writeFloats(j.Held, d.held))
}

// writeFloats writes the numbers of x to a file, in float32.
func writeFloats(path string, x *mat.Dense) error {
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	w := bufio.NewWriterSize(f, 1<<20)
	rows, cols := x.Dims()
	line := make([]byte, 4*cols)
	for i := range rows {
		for c, v := range x.RawRowView(i) {
			binary.LittleEndian.PutUint32(line[4*c:], math.Float32bits(float32(v)))
		}
		w.Write(line) // Flush has its error
	}
	return errors.Join(w.Flush(), f.Close())
}

// recovered compares the atoms that the process has written with the true ones.
func recovered(j job, truth *mat.Dense) (float64, error) {
	bytes, err := os.ReadFile(j.Atoms)
	if err != nil {
		return 0, err
	}
	if len(bytes) != 4*j.Latents*j.Inputs {
		return 0, fmt.Errorf("it wrote atoms of %d bytes, want %d", len(bytes), 4*j.Latents*j.Inputs)
	}
	atoms := mat.NewDense(j.Latents, j.Inputs, nil)
	for i := range atoms.RawMatrix().Data {
		atoms.RawMatrix().Data[i] = float64(math.Float32frombits(binary.LittleEndian.Uint32(bytes[4*i:])))
	}
	return measure.MeanMaxCosine(truth, atoms)
}
