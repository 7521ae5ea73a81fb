package main

import (
	"bufio"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/ksparse/ksparse/bench/internal/host"
)

// TestMain lets the test binary be the peer, so that the protocol, and the stopping of
// a process, are tested without Python.
func TestMain(m *testing.M) {
	if os.Getenv("KSPARSE_FAKE_PEER") != "" {
		fakePeer()
		return
	}
	os.Exit(m.Run())
}

// fakePeer answers the commands on standard input.
func fakePeer() {
	if os.Getenv("KSPARSE_FAKE_PEER") == "mute" {
		return
	}
	fmt.Println(`{"ready": {"python": "3", "numpy": "1", "torch": "", "blas": "b"}}`)
	lines := bufio.NewScanner(os.Stdin)
	for lines.Scan() {
		switch verb, _, _ := strings.Cut(lines.Text(), " "); verb {
		case "encode", "gemm64":
			fmt.Println(`{"seconds": [0.5, 0.25, 1]}`)
		case "forget":
			fmt.Println(`{"seconds": []}`)
		case "garble":
			fmt.Println(`seconds`)
		case "die":
			return
		default:
			fmt.Printf("{\"error\": %q}\n", "KeyError: "+lines.Text())
		}
	}
}

// startFake starts a fake peer of that kind: see TestMain.
func startFake(t *testing.T, kind string) (*peer, error) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), os.Args[0])
	cmd.Env = append(os.Environ(), "KSPARSE_FAKE_PEER="+kind)
	p, err := startPeer(cmd)
	if err == nil {
		t.Cleanup(p.stop)
	}
	return p, err
}

func TestPeerProtocol(t *testing.T) {
	p, err := startFake(t, "yes")
	if err != nil {
		t.Fatal(err)
	}
	if got := p.versions.String(); !strings.Contains(got, howToGet) || !strings.Contains(got, "numpy 1") {
		t.Errorf("versions are %q, want numpy's, and how to get torch", got)
	}
	for range 3 { // the process is stopped in between
		times, err := p.ask("encode 4 8 2 1", time.Second)
		if err != nil || !slices.Equal(times, []float64{0.5, 0.25, 1}) {
			t.Fatalf("got %v, %v", times, err)
		}
	}
	// After an error of one command the next one is answered. The seconds are the last
	// word of the command.
	if _, err := p.ask("bogus 1 2", 1500*time.Millisecond); err == nil || !strings.Contains(err.Error(), "KeyError: bogus 1 2 1.5") {
		t.Errorf("error is %v", err)
	}
	if err := p.forget(); err != nil {
		t.Error(err)
	}
	for _, command := range []string{"forget", "garble", "die", "encode"} {
		if _, err := p.ask(command, time.Second); err == nil {
			t.Errorf("%s: no error", command)
		}
	}
}

func TestPeerThatDoesNotStart(t *testing.T) {
	if _, err := startFake(t, "mute"); err == nil {
		t.Error("a process that says nothing is taken for a peer")
	}
	if _, err := startPeer(pythonPeer(t.Context(), "/nonexistent/python3", 1)); err == nil {
		t.Error("an interpreter that is not there is no error")
	}
}

func TestPeerEnvironment(t *testing.T) {
	got := host.PeerEnvironment([]string{"HOME=/h", "OPENBLAS_CORETYPE=Haswell", "OPENBLAS_L2_SIZE=512", "OMP_NUM_THREADS=9"}, 2)
	want := []string{"HOME=/h", "OMP_NUM_THREADS=2", "OPENBLAS_NUM_THREADS=2", "MKL_NUM_THREADS=2"}
	if !slices.Equal(got, want) {
		t.Errorf("environment is %q, want %q", got, want)
	}
}

// TestMeasure measures a small work, by turns with the fake peer.
func TestMeasure(t *testing.T) {
	p, err := startFake(t, "yes")
	if err != nil {
		t.Fatal(err)
	}
	s := shape{inputs: 8, latents: 16, k: 2, batch: 4}
	w := encodeWork(encoding{shape: s}, 1)
	w.peers = append(w.peers, opponent{name: "broken", command: "bogus", floor: 1}, opponent{name: "alone", command: "encode", own: true, env: []string{"a"}})
	hired := 0
	hire := func(env []string) (*peer, error) {
		if hired++; !slices.Equal(env, []string{"a"}) {
			t.Errorf("a process with the environment %q", env)
		}
		return startFake(t, "yes")
	}
	r, err := w.measure(t.Context(), p, hire, 2, time.Millisecond)
	if err != nil {
		t.Fatal(err)
	}
	if len(r.ours) != 2 || !slices.Equal(r.peers[0], []float64{0.5, 0.5}) || r.peers[1] != nil || len(r.peers[2]) != 2 || hired != 1 || len(r.notes) != 1 {
		t.Errorf("measured ours %v, peers %v, notes %v", r.ours, r.peers, r.notes)
	}
	rows := r.rows(&machine{})
	if len(rows) != 3 || rows[0][4] != "8.00" || rows[1][4] != none || rows[0][8] != none {
		t.Errorf("rows are %q", rows)
	}
}

// TestTrainingTurn: a turn times at least one step, however short it is.
func TestTrainingTurn(t *testing.T) {
	for _, build := range []func(shape) (*training, error){newTraining, newOriginal} {
		w, err := build(shape{inputs: 8, latents: 16, k: 2, batch: 4})
		if err != nil {
			t.Fatal(err)
		}
		times, err := w.turn(t.Context(), 100*time.Microsecond)
		if err != nil || len(times) == 0 {
			t.Errorf("got %v, %v", times, err)
		}
	}
}
