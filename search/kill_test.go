package search

import (
	"bufio"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/ksparse/ksparse/codefile"
)

// childVariable tells a process that it is a child of TestKilled, and where to save.
const childVariable = "KSPARSE_SEARCH_CHILD"

func TestMain(m *testing.M) {
	if path := os.Getenv(childVariable); path != "" {
		if err := saveAgainAndAgain(path); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// killRows is how many rows each step of saveAgainAndAgain adds, killSteps after how many it begins anew.
const killRows, killSteps = 400, 5

// killCodes are the codes of all steps.
func killCodes() *memoryCodes { return smallCodes(killRows*killSteps, 77) }

// saveAgainAndAgain saves indexes to path until it is killed: it adds rows, deletes one, saves, merges, saves, and
// so on, and says each time that it has. What it saves is always the first killRows·n rows, without the first one of each step.
func saveAgainAndAgain(path string) error {
	all := killCodes()
	source := func(step int) (codefile.Source, error) {
		part := all.part(step*killRows, (step+1)*killRows)
		codes, err := newCodes(part)
		return codefile.FromCodes(codes), err
	}
	for {
		var x *Index
		for step := range killSteps {
			codes, err := source(step)
			if err != nil {
				return err
			}
			if step == 0 {
				x, err = Build(ctx, codes, Options{})
			} else {
				x, err = x.Add(ctx, codes, Options{})
			}
			if err != nil {
				return err
			}
			if x, _, err = x.Delete(NewIDs(int64(step * killRows))); err != nil {
				return err
			}
			if err := x.Save(path); err != nil {
				return err
			}
			fmt.Println("saved")
			if x, err = x.Merge(ctx, nil); err != nil {
				return err
			}
			if err := x.Save(path); err != nil {
				return err
			}
			fmt.Println("saved")
		}
	}
}

// TestKilled: a process that saves and merges is killed at any time. The folder opens, as one of the indexes that
// it saved, and the next Save removes what is left over.
func TestKilled(t *testing.T) {
	path := filepath.Join(t.TempDir(), "index")
	all := killCodes()
	rounds := 12
	if testing.Short() {
		rounds = 4
	}
	exe, err := os.Executable()
	must(t, err)
	seen := map[int]bool{}
	for range rounds {
		child := exec.Command(exe)
		child.Env = append(os.Environ(), childVariable+"="+path)
		child.Stderr = os.Stderr
		output, err := child.StdoutPipe()
		must(t, err)
		must(t, child.Start())
		lines, line := bufio.NewReader(output), ""
		for range 1 + rand.IntN(2*killSteps) {
			line, _ = lines.ReadString('\n')
		}
		time.Sleep(time.Duration(rand.IntN(int(5 * time.Millisecond))))
		must(t, child.Process.Kill())
		if err := child.Wait(); err == nil || line != "saved\n" {
			t.Fatalf("the child ended before it was killed, and said %q", line)
		}
		x, err := Open(path)
		must(t, err)
		rows, _ := x.Dims()
		steps := int(x.next) / killRows
		deleted := map[int64]bool{}
		for step := range steps {
			deleted[int64(step*killRows)] = true
		}
		seen[rows] = true
		wantRows(t, x, all.part(0, steps*killRows), deleted)
		must(t, x.Close())
	}
	if len(seen) < 2 {
		t.Errorf("the process was always killed at the same place: %v", seen)
	}
	must(t, built(t, all).Save(path))
	entries, err := os.ReadDir(path)
	must(t, err)
	for _, e := range entries {
		if e.Name() != listName && !isSegmentName(e.Name()) && strings.Contains(e.Name(), "segment") || len(segmentsIn(t, path)) != 1 {
			t.Errorf("%s is left over", e.Name())
		}
	}
}
