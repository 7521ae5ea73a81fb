package main

import (
	"bufio"
	"io"
	"net/http"
	"os"
	"regexp"
	"runtime"
	"strings"
	"testing"
)

// TestServe: the command serves, on a port of its own, until it is told to end, which is no failure.
func TestServe(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("no process can send Ctrl-C to another there")
	}
	folder, _ := trained(t)
	c := command(folder, "serve", "m.ksp", "--addr", "127.0.0.1:0")
	log, err := c.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	defer c.Process.Kill() // where the test fails before
	line, err := bufio.NewReader(log).ReadString('\n')
	address := regexp.MustCompile(`address=(\S+)`).FindStringSubmatch(line)
	if err != nil || address == nil {
		t.Fatalf("%q, %v", line, err)
	}
	answer, err := http.Get("http://" + address[1] + "/info")
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	body, err := io.ReadAll(answer.Body)
	if err != nil || answer.StatusCode != http.StatusOK || !strings.Contains(string(body), "m.ksp") {
		t.Errorf("%s: %s, %v", answer.Status, body, err)
	}
	if err := c.Process.Signal(os.Interrupt); err != nil {
		t.Fatal(err)
	}
	if err := c.Wait(); err != nil {
		t.Errorf("it ended with %v", err)
	}
	refuses(t, folder, failed, "--token-file", "serve", "m.ksp", "--addr", "0.0.0.0:0")
}
