package serve

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"
)

// running is a server that runs.
type running struct {
	*Server
	url  string
	stop context.CancelFunc
	done chan error // gets what Run returns
}

// run runs a server for m until the test ends.
func run(t *testing.T, m Model, o Options) *running {
	t.Helper()
	if o.Addr == "" {
		o.Addr = "127.0.0.1:0"
	}
	r := &running{Server: server(t, m, o), done: make(chan error, 1)}
	if err := r.Listen(); err != nil {
		t.Fatal(err)
	}
	r.url = "http://" + r.Addr().String()
	ctx, stop := context.WithCancel(context.Background())
	r.stop = stop
	ended := make(chan struct{})
	go func() {
		r.done <- r.Run(ctx)
		close(ended)
	}()
	t.Cleanup(func() {
		stop()
		<-ended
	})
	return r
}

// send posts a row, and returns the status and the answer.
func send(url string) (int, string, error) {
	answer, err := http.Post(url+"/encode", jsonType, strings.NewReader(`{"rows":[[3,1]]}`))
	if err != nil {
		return 0, "", err
	}
	defer answer.Body.Close()
	body, err := io.ReadAll(answer.Body)
	return answer.StatusCode, string(body), err
}

// right is the answer to what send posts.
const right = `{"codes":[{"latents":[0],"values":[3]}]}` + "\n"

// sendMany posts n rows at once, and returns how often each status came. An answer of 200 must
// be the right one.
func sendMany(t *testing.T, url string, n int) func() map[int]int {
	var lock sync.Mutex
	var wait sync.WaitGroup
	statuses := make(map[int]int)
	for range n {
		wait.Add(1)
		go func() {
			defer wait.Done()
			status, body, err := send(url)
			if err != nil || status == 200 && body != right {
				t.Errorf("%d %q, error %v", status, body, err)
			}
			lock.Lock()
			defer lock.Unlock()
			statuses[status]++
		}()
	}
	return func() map[int]int {
		wait.Wait()
		return statuses
	}
}

// TestStop: a server that stops finishes all requests that it has, accepts no more connections,
// and ends without an error.
func TestStop(t *testing.T) {
	m := slowly(plain(t))
	r := run(t, m, Options{})
	m.slow.Store(true)
	const n = 20
	all := sendMany(t, r.url, n)
	waitFor(t, "all in work", func() bool { return len(r.places) == n })
	r.stop()
	waitFor(t, "refused connection", func() bool {
		c, err := net.Dial("tcp", r.Addr().String())
		if err == nil {
			c.Close()
		}
		return err != nil
	})
	select {
	case err := <-r.done:
		t.Fatalf("the server ended before its requests: %v", err)
	default:
	}
	close(m.release)
	if got := all(); got[200] != n {
		t.Errorf("statuses %v, want %d times 200", got, n)
	}
	if err := <-r.done; err != nil {
		t.Errorf("Run: %v", err)
	}
}

// TestStopCut: a server does not wait for ever, and says what it cut off.
func TestStopCut(t *testing.T) {
	m := slowly(plain(t))
	r := run(t, m, Options{StopTimeout: 50 * time.Millisecond})
	m.slow.Store(true)
	failed := make(chan error, 1)
	go func() {
		_, _, err := send(r.url)
		failed <- err
	}()
	<-m.entered
	r.stop()
	if err := <-r.done; err == nil || !strings.Contains(err.Error(), "1 requests were not finished within 50ms") {
		t.Errorf("Run: %v", err)
	}
	if err := <-failed; err == nil {
		t.Error("the request that was cut off has an answer")
	}
	close(m.release)
	waitFor(t, "the place is free", func() bool { return len(r.places) == 0 })
}

// TestDrain: while a server drains, it says that it is not ready and still takes requests.
func TestDrain(t *testing.T) {
	r := run(t, plain(t), Options{DrainTime: time.Second})
	r.stop()
	waitFor(t, "stopping", r.stopping.Load)
	answer, err := http.Get(r.url + "/readyz")
	if err != nil {
		t.Fatal(err)
	}
	answer.Body.Close()
	if answer.StatusCode != http.StatusServiceUnavailable {
		t.Errorf("/readyz: %d", answer.StatusCode)
	}
	if status, body, err := send(r.url); status != 200 || body != right || err != nil {
		t.Errorf("%d %q, error %v", status, body, err)
	}
	if err := <-r.done; err != nil {
		t.Errorf("Run: %v", err)
	}
}

// TestFull: with ten times as many requests as places, those without a place get 503 and when to
// try again. Memory is bounded by the places. Afterwards the server serves as before.
func TestFull(t *testing.T) {
	m := slowly(plain(t))
	r := run(t, m, Options{Requests: 4})
	for round := range 2 {
		m.slow.Store(true)
		taken := sendMany(t, r.url, 4)
		waitFor(t, "all places taken", func() bool { return len(r.places) == 4 })
		<-m.entered // the call for one of them: the others wait for it
		if got := sendMany(t, r.url, 36)(); got[503] != 36 {
			t.Errorf("round %d: statuses %v, want 36 times 503", round, got)
		}
		answer, err := http.Post(r.url+"/decode", jsonType, strings.NewReader("{}"))
		if err != nil {
			t.Fatal(err)
		}
		answer.Body.Close()
		if again := answer.Header.Get("Retry-After"); answer.StatusCode != 503 || again != "1" {
			t.Errorf("%d, Retry-After %q", answer.StatusCode, again)
		}
		for _, path := range []string{"/healthz", "/readyz", "/info", "/metrics"} { // these need no place
			answer, err := http.Get(r.url + path)
			if err != nil {
				t.Fatal(err)
			}
			answer.Body.Close()
			if answer.StatusCode != 200 {
				t.Errorf("%s of a full server: %d", path, answer.StatusCode)
			}
		}
		m.slow.Store(false)
		m.release <- struct{}{}
		if got := taken(); got[200] != 4 {
			t.Errorf("round %d: statuses %v, want 4 times 200", round, got)
		}
		if status, body, err := send(r.url); status != 200 || body != right || err != nil {
			t.Errorf("round %d: afterwards %d %q, error %v", round, status, body, err)
		}
	}
}

// connect opens a connection and writes text to it. answer reads one answer.
func connect(t *testing.T, r *running, text string) (c net.Conn, answer func() *http.Response) {
	t.Helper()
	c, err := net.Dial("tcp", r.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	c.SetDeadline(time.Now().Add(20 * time.Second))
	if _, err := io.WriteString(c, text); err != nil {
		t.Fatal(err)
	}
	in := bufio.NewReader(c)
	return c, func() *http.Response {
		t.Helper()
		a, err := http.ReadResponse(in, nil)
		if err != nil {
			t.Fatal(err)
		}
		return a
	}
}

// TestSlowClients: a header or body that does not arrive in time ends the connection and gives
// the place back. One that needs its time has it, and a model that needs longer than the
// time-outs of the connection still answers.
func TestSlowClients(t *testing.T) {
	m := slowly(plain(t))
	r := run(t, m, Options{Requests: 1, HeaderTimeout: 200 * time.Millisecond, BodyTimeout: 200 * time.Millisecond})
	const header = "POST /encode HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 16\r\n\r\n"
	c, _ := connect(t, r, header[:30])
	if n, err := c.Read(make([]byte, 1000)); n != 0 || err != io.EOF {
		t.Errorf("half a header: %d bytes, error %v, want the end of the connection", n, err)
	}
	_, answer := connect(t, r, header+`{"rows":`)
	if a := answer(); a.StatusCode != http.StatusRequestTimeout || !a.Close {
		t.Errorf("half a body: %d, close %v", a.StatusCode, a.Close)
	}
	waitFor(t, "the place is free", func() bool { return len(r.places) == 0 })

	m.slow.Store(true)
	c, answer = connect(t, r, header+`{"rows":`)
	time.Sleep(20 * time.Millisecond)
	if _, err := io.WriteString(c, `[[3,1]]}`); err != nil {
		t.Fatal(err)
	}
	<-m.entered
	time.Sleep(500 * time.Millisecond) // longer than header and body may take together
	m.release <- struct{}{}
	a := answer()
	if body, err := io.ReadAll(a.Body); a.StatusCode != 200 || string(body) != right || err != nil {
		t.Errorf("slow body and model: %d %q, error %v", a.StatusCode, body, err)
	}
}

// TestSlowReader: a client that does not take its answer loses its connection, and gives its
// place back.
func TestSlowReader(t *testing.T) {
	const rows = 400_000 // an answer of 16 MB: more than the buffers of a connection hold
	r := run(t, plain(t), Options{Requests: 1, MaxRows: rows, WriteTimeout: 100 * time.Millisecond})
	body := strings.Repeat(words(0.1, 0.7), rows)
	connect(t, r, fmt.Sprintf("POST /reconstruct HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/octet-stream\r\n"+
		"Accept: application/json\r\nContent-Length: %d\r\n\r\n%s", len(body), body))
	waitFor(t, "in work", func() bool { return len(r.places) == 1 })
	waitFor(t, "the place is free", func() bool { return len(r.places) == 0 })
	if status, body, err := send(r.url); status != 200 || body != right || err != nil {
		t.Errorf("afterwards %d %q, error %v", status, body, err)
	}
}

// TestChunked: a body of unknown length is held to the limit as well, and the connection of one
// that is too long ends.
func TestChunked(t *testing.T) {
	r := run(t, plain(t), Options{MaxBytes: 100})
	const header = "POST /encode HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n"
	_, answer := connect(t, r, header+"8\r\n{\"rows\":\r\n8\r\n[[3,1]]}\r\n0\r\n\r\n"+header+"c8\r\n"+strings.Repeat(" ", 200)+"\r\n0\r\n\r\n")
	a := answer()
	if body, err := io.ReadAll(a.Body); a.StatusCode != 200 || string(body) != right || err != nil {
		t.Errorf("%d %q, error %v", a.StatusCode, body, err)
	}
	if a := answer(); a.StatusCode != http.StatusRequestEntityTooLarge || !a.Close {
		t.Errorf("too long: %d, close %v", a.StatusCode, a.Close)
	}
}

// TestCutBody: a client that leaves in the middle of its body gives its place back.
func TestCutBody(t *testing.T) {
	r := run(t, plain(t), Options{Requests: 1})
	c, _ := connect(t, r, "POST /encode HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 16\r\n\r\n{")
	waitFor(t, "in work", func() bool { return len(r.places) == 1 })
	c.Close()
	waitFor(t, "the place is free", func() bool { return len(r.places) == 0 })
	if status, body, err := send(r.url); status != 200 || body != right || err != nil {
		t.Errorf("afterwards %d %q, error %v", status, body, err)
	}
}

// TestAddressTaken: an address that cannot be had is an error that names it.
func TestAddressTaken(t *testing.T) {
	r := run(t, plain(t), Options{})
	s := server(t, plain(t), Options{Addr: r.Addr().String()})
	if err := s.Run(context.Background()); err == nil || !strings.Contains(err.Error(), r.Addr().String()+" cannot be served") || s.Addr() != nil {
		t.Errorf("error %v, address %v", err, s.Addr())
	}
}
