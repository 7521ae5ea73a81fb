// Command soak uses ksparse for as long as one likes, as a busy day does, and checks all
// that it gets. In the folder bench:
//
//	go run -race ./soak -for 20m
//
// It goes through rounds. In each it draws a network, data and a configuration, and
//
//   - trains in a process of its own, which writes checkpoints and is killed (SIGKILL)
//     again and again at random times; the next process resumes. The network that comes
//     out must have the bytes of one that was trained without an interruption.
//   - opens the last checkpoint that a killed process left behind, as a network.
//   - saves the network to a file from several goroutines, while others load that file.
//   - serves the network, frozen, from 64 goroutines. All codes and outputs must have the
//     bits of those that one goroutine gets from the network itself.
//
// At the end no file may be left over. It prints how often it did what, and stops at the
// first fault.
package main

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"sync/atomic"
	"time"
)

// counts says how often the program did what.
type counts struct {
	rounds, kills, resumes, checkpoints, saves, loads, batches, rows atomic.Int64
}

// String says the counts in a line.
func (c *counts) String() string {
	return fmt.Sprintf("%d rounds: %d kills, %d resumes, %d checkpoints opened, %d saves, %d loads, %d batches and %d single rows served",
		c.rounds.Load(), c.kills.Load(), c.resumes.Load(), c.checkpoints.Load(), c.saves.Load(), c.loads.Load(), c.batches.Load(), c.rows.Load())
}

// main runs the program, or one of the trainings that it starts as processes.
func main() {
	length := flag.Duration("for", time.Minute, "for how long")
	seed := flag.Uint64("seed", 1, "of all that is drawn")
	child := flag.String("train", "", "the folder of the training to run in this process (for the program's own use)")
	flag.Parse()
	var err error
	if *child != "" {
		err = trainInProcess(*child, *seed)
	} else {
		err = soak(*length, *seed)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "soak:", err)
		os.Exit(1)
	}
}

// soak runs rounds until the time is over.
func soak(length time.Duration, seed uint64) error {
	folder, err := os.MkdirTemp("", "ksparse-soak-")
	if err != nil {
		return err
	}
	var c counts
	for end := time.Now().Add(length); time.Now().Before(end); seed++ {
		if err := round(folder, seed, &c); err != nil {
			return fmt.Errorf("round %d, seed %d: %w (files are in %s)", c.rounds.Load()+1, seed, err, folder)
		}
		if c.rounds.Add(1); c.rounds.Load()%10 == 0 {
			fmt.Println(&c)
		}
	}
	fmt.Println(&c)
	return os.RemoveAll(folder)
}

// round is one round, in a folder that is empty before and after.
func round(folder string, seed uint64, c *counts) error {
	want, err := trained(seed)
	if err != nil {
		return err
	}
	if err := killedTraining(folder, seed, c); err != nil {
		return err
	}
	if err := sameNetwork(want, networkFile(folder)); err != nil {
		return err
	}
	if err := saveAndLoad(want, networkFile(folder), c); err != nil {
		return err
	}
	if err := serve(want, seed, c); err != nil {
		return err
	}
	if err := errors.Join(os.Remove(networkFile(folder)), os.Remove(checkpointFile(folder))); err != nil {
		return err
	}
	left, err := os.ReadDir(folder)
	if err == nil && len(left) > 0 {
		err = fmt.Errorf("%s is left over", left[0].Name())
	}
	return err
}
