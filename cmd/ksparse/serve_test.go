package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"reflect"
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
	folder, _ := indexed(t)
	c := command(folder, "serve", "m.ksp", "--index", "words.index", "--addr", "127.0.0.1:0")
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
	for _, by := range []string{byCode, byRows} {
		searched(t, folder, "http://"+address[1], by)
	}
	zeros, err := http.Post("http://"+address[1]+"/search", "application/json", strings.NewReader(`{"rows":[[`+strings.Repeat("0,", testCols-1)+`0]]}`))
	if err != nil {
		t.Fatal(err)
	}
	defer zeros.Body.Close()
	if body, err := io.ReadAll(zeros.Body); err != nil || zeros.StatusCode != http.StatusBadRequest || !strings.Contains(string(body), "row 0: the row is all zeros") {
		t.Errorf("zeros: %s: %s, %v", zeros.Status, body, err)
	}
	if err := c.Process.Signal(os.Interrupt); err != nil {
		t.Fatal(err)
	}
	if err := c.Wait(); err != nil {
		t.Errorf("it ended with %v", err)
	}
	refuses(t, folder, failed, "--token-file", "serve", "m.ksp", "--addr", "0.0.0.0:0")
}

// searched checks that the server at the address finds what the command search finds.
func searched(t *testing.T, folder, address, by string) {
	t.Helper()
	x := samples(testRows, testCols, 1)
	writeNpy(t, filepath.Join(folder, "q.npy"), 3, testCols, x[:3*testCols])
	want := answers(t, folder, "words.index --rows q.npy -k 4 --explain --by "+by)
	rows := make([][]float64, 3)
	for i, v := range x[:3*testCols] {
		rows[i/testCols] = append(rows[i/testCols], float64(v))
	}
	body, err := json.Marshal(map[string]any{"rows": rows, "k": 4, "explain": true, "by": by})
	if err != nil {
		t.Fatal(err)
	}
	answer, err := http.Post(address+"/search", "application/json", bytes.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	var got struct{ Results []found }
	if err := json.NewDecoder(answer.Body).Decode(&got); err != nil || answer.StatusCode != http.StatusOK || len(got.Results) != 3 {
		t.Fatalf("by %s: %s, %+v, %v", by, answer.Status, got, err)
	}
	for i := range want {
		if len(want[i].Hits) != 4 || !reflect.DeepEqual(got.Results[i].Hits, want[i].Hits) {
			t.Errorf("by %s, row %d: %+v, want %+v", by, i, got.Results[i].Hits, want[i].Hits)
		}
	}
}
