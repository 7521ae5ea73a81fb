package main

import (
	"bytes"
	"math/rand/v2"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"
)

// long is a training of a second or so with many checkpoints.
var long = strings.Fields("train x.npy --latents 256 -k 4 --epochs 30 --every 10 -o m.ksp")

// TestKilled: a training that is killed at 20 instants, from its start to its end, and goes on each time, ends in the bits
// of one that was not. It begins anew where it ends before it was killed so often.
func TestKilled(t *testing.T) {
	const kills = 20
	whole, folder := folderWithRows(t), folderWithRows(t)
	begin := time.Now()
	works(t, whole, long...)
	took := time.Since(begin)
	want := readFile(t, whole, "m.ksp")
	rng := rand.New(rand.NewPCG(20, 6))
	ends := 0
	for killed := 0; killed < kills; {
		if runs(t, folder, time.Duration(rng.Float64()*0.8*float64(took))) {
			killed++
		}
		if exists(folder, "m.ksp") && !exists(folder, "m.ksp.checkpoint") {
			ends++
			checkEnded(t, folder, want)
			for _, name := range strings.Fields(listed(t, folder)) {
				if name != "x.npy" {
					os.Remove(filepath.Join(folder, name))
				}
			}
		}
	}
	if len(strings.Fields(listed(t, folder))) > 1 {
		works(t, folder, with(long, "--resume")...)
		ends++
		checkEnded(t, folder, want)
	}
	t.Logf("%d kills in %d trainings of %v", kills, ends, took)
}

// runs runs the training, or goes on with it, and kills it after d, unless it has ended before. It reports whether it was
// killed.
func runs(t *testing.T, folder string, d time.Duration) (killed bool) {
	t.Helper()
	c := command(folder, with(long, "--resume")...)
	var errs bytes.Buffer
	c.Stderr = &errs
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	kill := time.AfterFunc(d, func() { c.Process.Kill() })
	err := c.Wait()
	kill.Stop()
	if strings.Contains(errs.String(), "ksparse: ") {
		t.Fatal(errs.String())
	}
	return err != nil
}

// checkEnded checks that the model is the wanted one, and that nothing is left but what belongs to it.
func checkEnded(t *testing.T, folder string, want []byte) {
	t.Helper()
	if !bytes.Equal(readFile(t, folder, "m.ksp"), want) {
		t.Error("the model is another one")
	}
	for _, name := range strings.Fields(listed(t, folder)) {
		if !slices.Contains([]string{"x.npy", "m.ksp", "m.html", "m.settings.json"}, name) {
			t.Errorf("%s is left", name)
		}
	}
}

// exists reports whether there is such a file.
func exists(folder, name string) bool {
	_, err := os.Stat(filepath.Join(folder, name))
	return err == nil
}

// TestInterrupted: Ctrl-C leaves a checkpoint, which every command opens, and the command to go on with, which works.
func TestInterrupted(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("no process can send Ctrl-C to another there")
	}
	whole, folder := folderWithRows(t), folderWithRows(t)
	works(t, whole, long...)
	endless := with(long[:len(long)-2], "--every 100000 -o m.ksp") // no checkpoint but that of Ctrl-C
	c := command(folder, append(endless, "--json")...)
	var errs bytes.Buffer
	c.Stderr = &errs
	out, err := c.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	if _, err := out.Read(make([]byte, 10)); err != nil { // it has begun
		t.Fatal(err)
	}
	if err := c.Process.Signal(os.Interrupt); err != nil {
		t.Fatal(err)
	}
	c.Wait()
	m := regexp.MustCompile(`interrupted at step \d+ of \d+, which m.ksp.checkpoint holds; to go on: \S+ (.*)\n$`).FindStringSubmatch(errs.String())
	if c.ProcessState.ExitCode() != failed || m == nil {
		t.Fatalf("exit code %d\n%s", c.ProcessState.ExitCode(), errs.String())
	}
	if got := works(t, folder, "info", "m.ksp.checkpoint"); !strings.Contains(got, "16 inputs, 256 latents") {
		t.Errorf("info of the checkpoint:\n%s", got)
	}
	refuses(t, folder, failed, "--resume goes on with it, --force begins anew", endless...)
	refuses(t, folder, failed, "--seed", with(endless, "--resume --seed 5")...)
	works(t, folder, strings.Fields(m[1])...)
	if !bytes.Equal(readFile(t, folder, "m.ksp"), readFile(t, whole, "m.ksp")) {
		t.Error("the model is another one")
	}
}

// TestMore: a training that has ended goes on with more epochs, where its checkpoint was kept.
func TestMore(t *testing.T) {
	folder := folderWithRows(t)
	works(t, folder, strings.Fields("train x.npy --latents 32 -k 3 --epochs 2 --schedule constant --keep -o m.ksp")...)
	works(t, folder, strings.Fields("train x.npy --latents 32 -k 3 --epochs 3 --schedule constant --resume -o m.ksp")...)
	if exists(folder, "m.ksp.checkpoint") || !strings.Contains(string(readFile(t, folder, "m.settings.json")), `"epochs": 3`) {
		t.Errorf("the folder has %s, and the settings are\n%s", listed(t, folder), readFile(t, folder, "m.settings.json"))
	}
}

// TestOutputFails: that nothing can be printed is an error.
func TestOutputFails(t *testing.T) {
	full, err := os.OpenFile("/dev/full", os.O_WRONLY, 0)
	if err != nil {
		t.Skip("there is no device that is full")
	}
	defer full.Close()
	folder := folderWithRows(t)
	c := command(folder, with(small, "-o m.ksp")...)
	var errs bytes.Buffer
	c.Stdout, c.Stderr = full, &errs
	c.Run()
	if c.ProcessState.ExitCode() != failed || !strings.Contains(errs.String(), "ksparse: write /dev/stdout: no space left on device") {
		t.Errorf("exit code %d\n%s", c.ProcessState.ExitCode(), errs.String())
	}
}
