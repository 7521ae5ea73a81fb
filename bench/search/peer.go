package main

import (
	"bufio"
	"context"
	_ "embed"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strconv"

	"github.com/ksparse/ksparse/bench/internal/host"
)

//go:embed peers.py
var peerScript string

// peer is the process of the peers. Nil: there are none.
type peer struct {
	cmd   *exec.Cmd
	in    io.WriteCloser
	out   *bufio.Reader
	ready string
	build float64 // CPU seconds that the graph took
	bytes float64 // of a row in the graph
}

// point is what a search took and found.
type point struct {
	Seconds float64 // of CPU time, a query
	Recall  float64
}

// startPeer starts the process and waits until it has made what it needs.
func (o options) startPeer(ctx context.Context) (*peer, error) {
	if o.python == "" {
		return nil, nil
	}
	p := &peer{cmd: exec.CommandContext(ctx, o.python, "-u", "-c", peerScript, o.work, strconv.Itoa(o.queries))}
	p.cmd.Env, p.cmd.Stderr = host.PeerEnvironment(os.Environ(), 1), os.Stderr
	var err error
	if p.in, err = p.cmd.StdinPipe(); err != nil {
		return nil, err
	}
	out, err := p.cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	p.out = bufio.NewReader(out)
	if err := p.cmd.Start(); err != nil {
		return nil, err
	}
	var hello struct {
		Ready        string
		Build, Bytes float64
	}
	if err := p.read(&hello); err != nil {
		p.stop()
		return nil, err
	}
	p.ready, p.build, p.bytes = hello.Ready, hello.Build, hello.Bytes
	return p, nil
}

// ask makes the process search.
func (p *peer) ask(command string) (point, error) {
	var answer point
	if _, err := fmt.Fprintln(p.in, command); err != nil {
		return answer, err
	}
	err := p.read(&answer)
	return answer, err
}

// read reads a line.
func (p *peer) read(to any) error {
	line, err := p.out.ReadBytes('\n')
	if err != nil {
		return fmt.Errorf("the peers ended without an answer, they need what peers.py says: %w", err)
	}
	return json.Unmarshal(line, to)
}

// stop ends the process.
func (p *peer) stop() {
	if p != nil {
		p.in.Close()
		p.cmd.Wait()
	}
}

// String names the peers.
func (p *peer) String() string {
	if p == nil {
		return "none"
	}
	return p.ready
}
