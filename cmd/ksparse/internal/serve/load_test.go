package serve

import (
	"bufio"
	"flag"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"runtime"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/ksparse/ksparse"
	"gonum.org/v1/gonum/mat"
)

// loadTime is how long each part of TestLoad takes.
var loadTime = flag.Duration("load", 0, "how long each part of TestLoad sends requests; 0 leaves the test out")

// load is what came of many requests.
type load struct {
	statuses map[int]int
	times    []time.Duration // of those with status 200, ascending
	took     time.Duration
}

// quantile returns the time that the share q of the requests did not exceed.
func (l *load) quantile(q float64) time.Duration {
	if len(l.times) == 0 {
		return 0
	}
	return l.times[min(int(q*float64(len(l.times))), len(l.times)-1)]
}

// String says how many requests were answered how fast.
func (l *load) String() string {
	return fmt.Sprintf("%.0f requests/s, 50 %% in %v, 99 %% in %v, all in %v, statuses %v", float64(len(l.times))/l.took.Seconds(),
		l.quantile(0.5), l.quantile(0.99), l.quantile(1), l.statuses)
}

// generate sends the request on each of so many connections, again and again, for d. It reads
// answers with as little work as there can be: it shares the cores with the server.
func generate(t *testing.T, addr string, connections int, request []byte, d time.Duration) *load {
	t.Helper()
	all := &load{statuses: make(map[int]int)}
	var lock sync.Mutex
	var wait sync.WaitGroup
	start := time.Now()
	for range connections {
		wait.Add(1)
		go func() {
			defer wait.Done()
			c, err := net.Dial("tcp", addr)
			if err != nil {
				t.Error(err)
				return
			}
			defer c.Close()
			in, mine := bufio.NewReader(c), load{statuses: make(map[int]int)}
			for time.Since(start) < d {
				before := time.Now()
				if _, err := c.Write(request); err != nil {
					t.Error(err)
					break
				}
				answer, err := http.ReadResponse(in, nil)
				if err != nil {
					t.Error(err)
					break
				}
				if _, err := io.Copy(io.Discard, answer.Body); err != nil {
					t.Error(err)
					break
				}
				mine.statuses[answer.StatusCode]++
				if answer.StatusCode == 200 {
					mine.times = append(mine.times, time.Since(before))
				}
			}
			lock.Lock()
			defer lock.Unlock()
			all.times = append(all.times, mine.times...)
			for status, n := range mine.statuses {
				all.statuses[status] += n
			}
		}()
	}
	wait.Wait()
	all.took = time.Since(start)
	slices.Sort(all.times)
	return all
}

// onWire returns a request as it goes over the connection.
func onWire(kind string, body []byte) []byte {
	return append(fmt.Appendf(nil, "POST /encode HTTP/1.1\r\nHost: localhost\r\nContent-Type: %s\r\nAccept: %s\r\nContent-Length: %d\r\n\r\n", kind, kind, len(body)), body...)
}

// TestLoad: 32 connections of single rows at 768 -> 16384, k=32, and then ten times as many.
// doc/serving.md has its figures. It needs -load.
func TestLoad(t *testing.T) {
	if *loadTime == 0 {
		t.Skip("-load is 0")
	}
	f := frozen(t, ksparse.Config{Inputs: 768, Latents: 16384, K: 32})
	for _, n := range []int{1, 32} {
		t.Logf("the encoder alone, %d rows at a time: %.0f rows/s", n, encoderRate(t, f, n))
	}
	r := run(t, f, Options{})
	addr := r.Addr().String()
	text, raw := largeBody()
	requests := map[string][]byte{jsonType: onWire(jsonType, text), binaryType: onWire(binaryType, raw)}
	steady := func(what string) {
		for kind, request := range requests {
			l := generate(t, addr, 32, request, *loadTime)
			t.Logf("%s, 32 connections, %s: %v; %s", what, kind, l, memory())
			if len(l.statuses) != 1 || l.statuses[200] == 0 {
				t.Errorf("%s: statuses %v, want 200 alone", what, l.statuses)
			}
			if p99 := l.quantile(0.99); p99 > 15*time.Millisecond {
				t.Errorf("%s, %s: 99 %% in %v, want 15ms", what, kind, p99)
			}
		}
	}
	steady("before")
	l := generate(t, addr, 320, requests[jsonType], *loadTime)
	t.Logf("320 connections: %v; %s", l, memory())
	if l.statuses[200] == 0 || l.statuses[503] == 0 || len(l.statuses) != 2 {
		t.Errorf("320 connections: statuses %v, want 200 and 503", l.statuses)
	}
	steady("after")
}

// memory says how much memory the process has.
func memory() string {
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return fmt.Sprintf("%d MB of memory from the system, %d MB of heap in use", m.Sys>>20, m.HeapInuse>>20)
}

// encoderRate returns how many rows a second f encodes in batches of n.
func encoderRate(t *testing.T, f *ksparse.Frozen, n int) float64 {
	t.Helper()
	rng := rand.New(rand.NewPCG(1, 2))
	x := mat.NewDense(n, 768, nil)
	x.Apply(func(_, _ int, _ float64) float64 { return rng.NormFloat64() }, x)
	var codes ksparse.Codes
	rows := 0
	start := time.Now()
	for time.Since(start) < time.Second {
		if err := f.EncodeInto(&codes, x); err != nil {
			t.Fatal(err)
		}
		rows += n
	}
	return float64(rows) / time.Since(start).Seconds()
}
