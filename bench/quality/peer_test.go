package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"
	"time"

	"gonum.org/v1/gonum/mat"

	"github.com/ksparse/ksparse/bench/internal/host"
)

// TestMain lets the test binary be the peer, so that the protocol is tested without Python. The
// program starts it as it starts Python: the last argument is the job.
func TestMain(m *testing.M) {
	if kind := os.Getenv("KSPARSE_FAKE_PEER"); kind != "" {
		fakePeer(kind)
		return
	}
	os.Exit(m.Run())
}

// fakePeer answers as quality.py does.
func fakePeer(kind string) {
	if kind == "mute" {
		return
	}
	fmt.Println(`{"ready": {"python": "3", "numpy": "1", "torch": "2", "blas": "libblas.so.3"}}`)
	var j job
	if json.Unmarshal([]byte(os.Args[len(os.Args)-1]), &j) != nil {
		return // it was asked for its versions only
	}
	fmt.Println(`{"note": "warm-up 1"}`)
	for i, step := range j.At {
		switch fvu := fmt.Sprint(1 / float64(step)); {
		case i == 1:
			fmt.Printf(`{"point": {"step": %d, "seconds": 1, "fvu": null}}`+"\n", step)
		default:
			fmt.Printf(`{"point": {"step": %d, "seconds": %d, "fvu": %s}}`+"\n", step, step, fvu)
		}
	}
	switch kind {
	case "error":
		fmt.Println(`{"error": "KeyError: x"}`)
	case "garble":
		fmt.Println(`Traceback`)
	case "end":
	case "exit":
		os.Exit(3)
	case "hang":
		io.Copy(io.Discard, os.Stdin) // until the program closes it
	default:
		if j.Atoms != "" {
			os.WriteFile(j.Atoms, make([]byte, 4*j.Latents*j.Inputs-map[string]int{"short": 1}[kind]), 0o666)
		}
		fmt.Println(`{"done": {"l0": 4.5, "dead": 0.25, "rate": 0.002}}`)
	}
}

// fake returns options whose Python is a fake peer of that kind.
func fake(t *testing.T, kind string, args ...string) options {
	t.Setenv("KSPARSE_FAKE_PEER", kind)
	o := parsed(t, args...)
	o.python, o.dictionaryLearning = os.Args[0], "snapshot"
	return o
}

func TestPeerProtocol(t *testing.T) {
	o := fake(t, "yes")
	j := job{name: "peer", At: []int{1, 2, 4}}
	r, err := j.train(t.Context(), o, nil)
	if err != nil || r.failed != "" {
		t.Fatal(r.failed, err)
	}
	if r.name != "peer" || len(r.curve) != 3 || r.curve[0] != (point{1, 1, 1}) || !math.IsNaN(r.curve[1].fvu) || r.curve[2] != (point{4, 4, 0.25}) ||
		r.l0 != 4.5 || r.dead != 0.25 || r.rate != 0.002 || !math.IsNaN(r.recovery) || !slices.Equal(r.notes, []string{"warm-up 1"}) {
		t.Errorf("got %+v", r)
	}
	for kind, want := range map[string]string{"error": "KeyError: x", "garble": "Traceback", "end": "without a result", "exit": "exit status 3", "mute": "without a result"} {
		o := fake(t, kind)
		if r, err := j.train(t.Context(), o, nil); err != nil || !strings.Contains(r.failed, want) || r.curve != nil {
			t.Errorf("%s: %q, %v", kind, r.failed, err)
		}
	}
	// The atoms come as a file, which must have the right length. Atoms that are zero have no cosine.
	o = fake(t, "short")
	j.Atoms, j.Latents, j.Inputs = t.TempDir()+"/atoms", 2, 3
	if r, err := j.train(t.Context(), o, mat.NewDense(1, 3, []float64{1, 0, 0})); err != nil || !strings.Contains(r.failed, "23 bytes, want 24") {
		t.Errorf("%q, %v", r.failed, err)
	}
}

// TestPeerEndsWithContext: an interruption ends a peer that would go on.
func TestPeerEndsWithContext(t *testing.T) {
	o := fake(t, "hang")
	ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
	defer cancel()
	if _, err := (job{At: []int{1}}).train(ctx, o, nil); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("error %v", err)
	}
}

// TestRunWithPeer goes from the flags to the table.
func TestRunWithPeer(t *testing.T) {
	o := fake(t, "yes", "-rows", "100", "-latents", "32", "-steps", "8", "-batch", "16", "-peer-rate", "auto,0.004")
	k := kinds()[3] // without known atoms
	var b strings.Builder
	if err := o.findPeers(t.Context(), &b); err != nil {
		t.Fatal(err)
	}
	p, err := compare(t.Context(), &b, k, o)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"Peers: torch 2, numpy 1, Python 3, BLAS libblas.so.3, ", "plain reference library", "| dictionary_learning TopK | 0.002 | 0.1250 | 25.0 % |", "to 0.125", "- dictionary_learning TopK: warm-up 1\n"} {
		// Columns are as wide as figures of ours, which are not what is tested here.
		if narrow := strings.Join(strings.Fields(b.String()), " "); !strings.Contains(narrow, strings.Join(strings.Fields(want), " ")) {
			t.Errorf("%q is not in\n%s", want, b.String())
		}
	}
	if len(p.runs) != 3 {
		t.Errorf("%d trainings", len(p.runs))
	}
}

func TestFindPeers(t *testing.T) {
	var b strings.Builder
	o := fake(t, "mute")
	if err := o.findPeers(t.Context(), &b); err != nil || !o.onlyOurs || !strings.Contains(b.String(), howToGet) {
		t.Errorf("%q, %v", b.String(), err)
	}
	o.python = "/nonexistent/python3"
	b.Reset()
	if err := o.findPeers(t.Context(), &b); err != nil || !o.onlyOurs || !strings.Contains(b.String(), howToGet) {
		t.Errorf("%q, %v", b.String(), err)
	}
}

func TestJobs(t *testing.T) {
	names := func(args ...string) string {
		o := parsed(t, args...)
		var list []string
		jobs, note := o.jobs(job{})
		for _, j := range jobs {
			text := j.name
			if j.Rate != nil {
				text += fmt.Sprint(" at ", *j.Rate)
			}
			list = append(list, text)
		}
		return strings.Join(append(list, note), "; ")
	}
	for _, c := range []struct {
		args, want string
	}{
		{"-sparsify s -dictionary_learning d", "dictionary_learning TopK; sparsify signum; "},
		{"-dictionary_learning d -peer-rate auto,0.01", "dictionary_learning TopK; dictionary_learning TopK at 0.01; "},
		{"-sparsify s -dictionary_learning d -select batchtopk -peer-recipe short", "dictionary_learning BatchTopK, short; sparsify has no BatchTopK and is left out."},
		{"-sparsify s -sparsify-optimizer signum,adam -peer-recipe own,short", "sparsify signum; sparsify adam, own; sparsify adam, short; "},
	} {
		if got := names(strings.Fields(c.args)...); got != c.want {
			t.Errorf("%s: %s", c.args, got)
		}
	}
}

func TestEnvironment(t *testing.T) {
	got := host.PeerEnvironment([]string{"HOME=/h", "OPENBLAS_CORETYPE=Haswell", "OMP_NUM_THREADS=9", "MKL_DEBUG=1"}, 2)
	if want := []string{"HOME=/h", "OMP_NUM_THREADS=2", "OPENBLAS_NUM_THREADS=2", "MKL_NUM_THREADS=2"}; !slices.Equal(got, want) {
		t.Errorf("environment is %q, want %q", got, want)
	}
}

// TestWriteFloats: the file has the numbers in float32, row after row.
func TestWriteFloats(t *testing.T) {
	path := t.TempDir() + "/x"
	if err := writeFloats(path, mat.NewDense(2, 2, []float64{1, -2, 0.5, 0})); err != nil {
		t.Fatal(err)
	}
	got, err := os.ReadFile(path)
	if want := "\x00\x00\x80\x3f\x00\x00\x00\xc0\x00\x00\x00\x3f\x00\x00\x00\x00"; err != nil || string(got) != want {
		t.Errorf("the file is %x, %v", got, err)
	}
}

// TestScript: Python can read the script, where there is a Python.
func TestScript(t *testing.T) {
	python, err := exec.LookPath("python3")
	if err != nil {
		t.Skip("no python3")
	}
	cmd := exec.CommandContext(t.Context(), python, "-c", "import ast, sys; ast.parse(sys.stdin.read())")
	cmd.Stdin = strings.NewReader(script)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Errorf("%v\n%s", err, out)
	}
}
