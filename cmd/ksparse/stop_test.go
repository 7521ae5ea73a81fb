package main

import (
	"bytes"
	"math/rand/v2"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
	"testing"
	"time"
)

// long is a training of some seconds with many checkpoints.
var long = strings.Fields("train x.npy --latents 256 -k 4 --epochs 60 --every 20 -o m.ksp")

// TestKilled: a training that is killed at any instant and goes on ends in the bits of one that was not.
func TestKilled(t *testing.T) {
	whole, folder := folderWithRows(t), folderWithRows(t)
	begin := time.Now()
	works(t, whole, long...)
	took := time.Since(begin)
	want := readFile(t, whole, "m.ksp")
	kills := 0
	for round := range 8 {
		args := long
		if round > 0 {
			args = with(long, "--resume")
		}
		c := command(folder, args...)
		if err := c.Start(); err != nil {
			t.Fatal(err)
		}
		done := make(chan error, 1)
		go func() { done <- c.Wait() }()
		select {
		case err := <-done: // before it was killed
			if err != nil {
				t.Fatal(err)
			}
		case <-time.After(time.Duration((0.1 + 0.4*rand.Float64()) * float64(took))):
			if err := c.Process.Kill(); err != nil {
				t.Fatal(err)
			}
			<-done
			kills++
			continue
		}
		break
	}
	if _, err := os.Stat(filepath.Join(folder, "m.ksp")); err != nil || exists(folder, "m.ksp.checkpoint") {
		works(t, folder, with(long, "--resume")...)
	}
	if kills == 0 {
		t.Error("it was never killed")
	}
	if !bytes.Equal(readFile(t, folder, "m.ksp"), want) {
		t.Errorf("after %d kills the model is another one", kills)
	}
	for _, name := range strings.Fields(listed(t, folder)) {
		if name != "x.npy" && name != "m.ksp" && name != "m.html" && name != "m.settings.json" {
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
