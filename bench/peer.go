package main

import (
	"bufio"
	"context"
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strconv"
	"time"

	"github.com/ksparse/ksparse/bench/internal/host"
)

//go:embed peer.py
var peerScript string

const howToGet = "apt-get install python3-torch libopenblas0-pthread"

// peer is the Python process, or another one that has its protocol. It runs only
// while it answers a command. In between it is stopped, because the threads of its
// OpenMP go on spinning for a while and would take the cores from ours.
type peer struct {
	cmd      *exec.Cmd
	in       io.WriteCloser
	out      *bufio.Reader
	versions versions
}

// versions names the versions of the libraries that the peer runs on.
type versions struct {
	Python, Numpy, Torch, Blas string
}

// answer is one line of the peer.
type answer struct {
	Ready   *versions
	Seconds []float64
	Error   string
}

// pythonPeer returns the command that runs peer.py on procs threads.
func pythonPeer(ctx context.Context, python string, procs int, flags ...string) *exec.Cmd {
	args := append([]string{"-u", "-c", peerScript, strconv.Itoa(procs)}, flags...)
	cmd := exec.CommandContext(ctx, python, args...)
	cmd.Env = host.PeerEnvironment(os.Environ(), procs)
	return cmd
}

// startPeer starts the process and waits until it is ready.
func startPeer(cmd *exec.Cmd) (*peer, error) {
	p := &peer{cmd: cmd}
	cmd.Stderr = os.Stderr
	var err error
	if p.in, err = cmd.StdinPipe(); err != nil {
		return nil, err
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	p.out = bufio.NewReader(out)
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	first, err := p.read()
	if err == nil && first.Ready == nil {
		err = errors.New("it did not say that it is ready")
	}
	if err == nil {
		p.versions = *first.Ready
		err = pause(cmd.Process)
	}
	if err != nil {
		p.stop()
		return nil, err
	}
	return p, nil
}

// ask makes the process run one command for about the length of a turn and returns the
// seconds of each of its steps.
func (p *peer) ask(command string, length time.Duration) ([]float64, error) {
	a, err := p.exchange(fmt.Sprintf("%s %g", command, length.Seconds()))
	if err != nil {
		return nil, fmt.Errorf("peer: %s: %w", command, err)
	}
	if len(a.Seconds) == 0 {
		return nil, fmt.Errorf("peer: %s: no steps in the answer", command)
	}
	return a.Seconds, nil
}

// forget makes the process drop what earlier commands have built.
func (p *peer) forget() error {
	_, err := p.exchange("forget")
	return err
}

// exchange sends one line and returns the answer. The process runs only meanwhile.
func (p *peer) exchange(line string) (answer, error) {
	if err := resume(p.cmd.Process); err != nil {
		return answer{}, err
	}
	if _, err := fmt.Fprintln(p.in, line); err != nil {
		return answer{}, err
	}
	a, err := p.read()
	if e := pause(p.cmd.Process); err == nil {
		err = e
	}
	return a, err
}

// read returns the next line. Where the process reports an error, read returns that; the
// process can then take another command.
func (p *peer) read() (answer, error) {
	var a answer
	line, err := p.out.ReadBytes('\n')
	if err != nil {
		return a, fmt.Errorf("it ended without an answer: %w", err)
	}
	if err := json.Unmarshal(line, &a); err != nil {
		return a, fmt.Errorf("cannot read the answer %.80q: %w", line, err)
	}
	if a.Error != "" {
		return a, errors.New(a.Error)
	}
	return a, nil
}

// stop ends the process.
func (p *peer) stop() {
	p.in.Close()
	p.cmd.Process.Kill() // works on a process that is stopped, too
	p.cmd.Wait()
}

// String lists the versions.
func (v versions) String() string {
	torch := v.Torch
	if torch == "" {
		torch = "missing (" + howToGet + ")"
	}
	return fmt.Sprintf("torch %s, numpy %s, Python %s, BLAS %s", torch, v.Numpy, v.Python, v.Blas)
}
