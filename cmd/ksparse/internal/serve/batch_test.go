package serve

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http/httptest"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/ksparse/ksparse"
	"gonum.org/v1/gonum/mat"
)

// slowModel is a network whose calls begin when the test lets them.
type slowModel struct {
	*ksparse.Frozen
	slow    atomic.Bool
	entered chan int      // gets the rows of each call of EncodeInto that begins
	release chan struct{} // one element lets one call go on; closed, all
	panics  atomic.Bool
}

// slowly makes a slow model of f. It is fast until slow is set.
func slowly(f *ksparse.Frozen) *slowModel {
	return &slowModel{Frozen: f, entered: make(chan int, 1000), release: make(chan struct{})}
}

func (m *slowModel) EncodeInto(dst *ksparse.Codes, x mat.Matrix) error {
	if m.slow.Load() {
		rows, _ := x.Dims()
		m.entered <- rows
		<-m.release
	}
	if m.panics.Load() {
		panic("a fault of the model")
	}
	return m.Frozen.EncodeInto(dst, x)
}

// newExchange is an exchange of a request with rows.
func newExchange(rows []float64, n int) *exchange {
	return &exchange{r: httptest.NewRequest("POST", "/encode", nil), rows: rows, n: n, turn: make(chan error, 1)}
}

// waitFor waits until the condition holds.
func waitFor(t *testing.T, what string, holds func() bool) {
	t.Helper()
	for deadline := time.Now().Add(20 * time.Second); !holds(); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("%s: it did not happen", what)
		}
	}
}

// waitingNow returns how many requests wait for their batch.
func (b *batcher) waitingNow() int {
	b.lock.Lock()
	defer b.lock.Unlock()
	return len(b.waiting)
}

// TestBatchIndependence: 64 goroutines, whose rows go through the model in batches that chance
// makes, get the bits that each row gets alone.
func TestBatchIndependence(t *testing.T) {
	f := frozen(t, ksparse.Config{Classic: true, Inputs: 24, Latents: 600, K: 7, Activation: ksparse.ReLU, PreBias: true, Normalization: ksparse.LayerNorm})
	s := server(t, f, Options{})
	var wait sync.WaitGroup
	for g := range 64 {
		wait.Add(1)
		go func() {
			defer wait.Done()
			rng := rand.New(rand.NewPCG(1, uint64(g)))
			for range 20 {
				n := 1 + rng.IntN(3)
				rows := make([]float64, n*24)
				for i := range rows {
					rows[i] = rng.NormFloat64()
				}
				x := newExchange(rows, n)
				if err := errors.Join(s.encoder.do(x), s.reconstruct.do(x)); err != nil {
					t.Error(err)
					return
				}
				indices, values := x.codes.views()
				for i := range n {
					var alone ksparse.Codes
					output := make([]float64, 24)
					row := rows[i*24 : (i+1)*24]
					if err := errors.Join(f.EncodeRow(&alone, row), f.PredictRow(output, row)); err != nil {
						t.Error(err)
						return
					}
					j, v := alone.Row(0)
					if !slices.Equal(indices[i], j) || !sameBits(values[i], v) || !sameBits(x.outputs.RawRowView(i), output) {
						t.Errorf("a row in a batch differs from the row alone")
						return
					}
				}
			}
		}()
	}
	wait.Wait()
}

// TestBatches: rows that come while the model works are the next batch, up to its size.
func TestBatches(t *testing.T) {
	m := slowly(plain(t))
	s := server(t, m, Options{})
	m.slow.Store(true)
	var wait sync.WaitGroup
	send := func(n int) {
		wait.Add(1)
		go func() {
			defer wait.Done()
			if err := s.encoder.do(newExchange(make([]float64, 2*n), n)); err != nil {
				t.Error(err)
			}
		}()
	}
	send(1)
	if got := <-m.entered; got != 1 {
		t.Errorf("the first batch has %d rows, want the one that came", got)
	}
	for i, n := range []int{10, 20, 30, 40, batchRows + 100, 2} { // in this order
		send(n)
		waitFor(t, "waiting", func() bool { return s.encoder.waitingNow() == i+1 })
	}
	close(m.release)
	for _, want := range []int{10 + 20 + 30, 40, batchRows + 100, 2} {
		if got := <-m.entered; got != want {
			t.Errorf("a batch has %d rows, want %d", got, want)
		}
	}
	wait.Wait()
	if s.encoder.busy || len(s.encoder.waiting) != 0 {
		t.Error("the batcher did not come to rest")
	}
}

// TestBatchError: the row that the model cannot take is the error of its own request alone.
func TestBatchError(t *testing.T) {
	m := slowly(plain(t))
	s := server(t, m, Options{})
	m.slow.Store(true)
	results := make([]error, 5)
	var wait sync.WaitGroup
	send := func(i int, rows ...float64) {
		wait.Add(1)
		go func() {
			defer wait.Done()
			results[i] = s.encoder.do(newExchange(rows, len(rows)/2))
		}()
	}
	send(0, 1, 1)
	<-m.entered
	send(1, 1, 2)
	send(2, 1, 2, -1.7e308, -1.7e308)
	send(3, 3, 4)
	waitFor(t, "waiting", func() bool { return s.encoder.waitingNow() == 3 })
	close(m.release)
	wait.Wait()
	for i, err := range results {
		if bad := i == 2; errors.Is(err, ksparse.ErrNotFinite) != bad || (err != nil) != bad {
			t.Errorf("request %d: error %v", i, err)
		}
	}
}

// TestBatchGone: a client that is gone is not computed for, and holds up nobody, also where its
// request has the turn.
func TestBatchGone(t *testing.T) {
	m := slowly(plain(t))
	s := server(t, m, Options{})
	m.slow.Store(true)
	results := make(chan string, 3)
	send := func(name string, ctx context.Context) {
		x := newExchange([]float64{1, 2}, 1)
		x.r = x.r.WithContext(ctx)
		go func() { results <- fmt.Sprint(name, " ", s.encoder.do(x)) }()
	}
	send("first", context.Background())
	<-m.entered
	gone, leave := context.WithCancel(context.Background())
	send("gone", gone)
	waitFor(t, "waiting", func() bool { return s.encoder.waitingNow() == 1 })
	send("last", context.Background())
	waitFor(t, "waiting", func() bool { return s.encoder.waitingNow() == 2 })
	leave()
	close(m.release)
	got := []string{<-results, <-results, <-results}
	slices.Sort(got)
	if want := []string{"first <nil>", "gone context canceled", "last <nil>"}; !slices.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
	if rows := <-m.entered; rows != 1 || len(m.entered) != 0 {
		t.Errorf("the second batch has %d rows, and %d more came", rows, len(m.entered))
	}
}

// TestBatchPanic: a model that panics fails the requests of its batch, and no others.
func TestBatchPanic(t *testing.T) {
	m := slowly(plain(t))
	s := server(t, m, Options{})
	m.slow.Store(true)
	results := make(chan string, 3)
	send := func() {
		go func() {
			defer func() {
				if p := recover(); p != nil {
					results <- "panic"
				}
			}()
			results <- fmt.Sprint(s.encoder.do(newExchange([]float64{1, 2}, 1)))
		}()
	}
	send()
	<-m.entered
	send()
	waitFor(t, "waiting", func() bool { return s.encoder.waitingNow() == 1 })
	send()
	waitFor(t, "waiting", func() bool { return s.encoder.waitingNow() == 2 })
	m.panics.Store(true)
	close(m.release)
	got := []string{<-results, <-results, <-results}
	slices.Sort(got)
	if want := []string{"panic", "panic", errFailed.Error()}; !slices.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
	m.panics.Store(false)
	if err := s.encoder.do(newExchange([]float64{1, 2}, 1)); err != nil {
		t.Errorf("after the panics: %v", err)
	}
}

// BenchmarkBatch: rows at 768 -> 16384, k=32, one at a time by EncodeRow and as batches by
// EncodeInto: which is faster by the number of rows that wait.
func BenchmarkBatch(b *testing.B) {
	f := frozen(b, ksparse.Config{Inputs: 768, Latents: 16384, K: 32})
	rng := rand.New(rand.NewPCG(1, 2))
	for _, n := range []int{1, 2, 4, 8, 16, 32, 64, 128, 256} {
		x := mat.NewDense(n, 768, nil)
		x.Apply(func(_, _ int, _ float64) float64 { return float64(float32(rng.NormFloat64())) }, x)
		var codes ksparse.Codes
		perRow := func(b *testing.B) { b.ReportMetric(float64(n*b.N)/b.Elapsed().Seconds(), "rows/s") }
		b.Run(fmt.Sprintf("rows=%d/alone", n), func(b *testing.B) {
			for range b.N {
				for i := range n {
					if err := f.EncodeRow(&codes, x.RawRowView(i)); err != nil {
						b.Fatal(err)
					}
				}
			}
			perRow(b)
		})
		b.Run(fmt.Sprintf("rows=%d/together", n), func(b *testing.B) {
			for range b.N {
				if err := f.EncodeInto(&codes, x); err != nil {
					b.Fatal(err)
				}
			}
			perRow(b)
		})
	}
}
