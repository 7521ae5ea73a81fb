package serve

import (
	"errors"
	"slices"
	"sync"
	"time"

	"github.com/ksparse/ksparse"
	"gonum.org/v1/gonum/mat"
)

// batchRows is how many rows of waiting requests go through the model together, at most. A
// single request may have more. Larger batches are hardly faster, and all that is in one waits
// for its end.
const batchRows = 64

// A batcher runs the rows of several requests through the model together: the rows that came
// while it was busy are the next batch. So nobody waits for a batch to fill: a row that comes
// alone goes through alone. A row's result does not depend on the batch that it is in: that is a
// property of the model.
//
// There is no goroutine for it. The goroutine of the first waiting request computes the batch
// and then hands its task on to the first of those that came in the meantime.
type batcher struct {
	in      int
	run     func(x *mat.Dense) error        // puts x through the model
	result  func(x *exchange, first int)    // takes from that the result for x, whose rows start at first
	observe func(rows int, d time.Duration) // is told of a batch

	lock    sync.Mutex // of the next two
	waiting []*exchange
	busy    bool // a goroutine has the turn

	// What follows is for the goroutine that has the turn.
	batch []*exchange
	rows  []float64
	x     mat.Dense
}

// newEncoder returns a batcher that encodes: it fills in the codes of exchanges.
func newEncoder(s *Server) *batcher {
	var batch ksparse.Codes
	return &batcher{
		in:  s.in,
		run: func(x *mat.Dense) error { return s.model.EncodeInto(&batch, x) },
		result: func(x *exchange, first int) {
			x.codes.clear()
			for i := range x.n {
				x.codes.add(batch.Row(first + i))
			}
		},
		observe: s.metrics.batch("encode"),
	}
}

// newReconstructor returns a batcher that reconstructs: it fills in the outputs of exchanges.
func newReconstructor(s *Server) *batcher {
	var batch mat.Dense
	return &batcher{
		in: s.in,
		run: func(x *mat.Dense) error {
			rows, _ := x.Dims()
			shape(&batch, rows, s.out)
			return s.model.PredictInto(&batch, x)
		},
		result: func(x *exchange, first int) {
			shape(&x.outputs, x.n, s.out)
			copy(x.outputs.RawMatrix().Data, batch.RawMatrix().Data[first*s.out:])
		},
		observe: s.metrics.batch("reconstruct"),
	}
}

var (
	errTurn   = errors.New("your turn")        // tells a waiting request to compute the next batch
	errFailed = errors.New("the model failed") // is left where the model panics
)

// do puts the rows of x through the model, and returns when x has its result.
func (b *batcher) do(x *exchange) error {
	b.lock.Lock()
	b.waiting = append(b.waiting, x)
	turn := !b.busy
	b.busy = true
	b.lock.Unlock()
	if !turn {
		if err := <-x.turn; err != errTurn {
			return err
		}
	}
	b.lead() // x is the first of those that wait, so it is in the batch
	return <-x.turn
}

// lead computes a batch of the requests that wait, and hands the turn on.
func (b *batcher) lead() {
	b.take()
	defer b.finish()
	if len(b.batch) > 1 && b.compute(b.batch) == nil {
		return
	}
	for i, x := range b.batch { // alone; after an error, so that it reaches the one whose it is
		x.err = b.compute(b.batch[i : i+1])
	}
}

// take moves requests from waiting to the batch. Those whose client is gone end here.
func (b *batcher) take() {
	b.lock.Lock()
	defer b.lock.Unlock()
	rows, taken := 0, 0
	for _, x := range b.waiting {
		if err := x.r.Context().Err(); err != nil {
			x.turn <- err
		} else if len(b.batch) > 0 && rows+x.n > batchRows {
			break
		} else {
			x.err = errFailed
			b.batch = append(b.batch, x)
			rows += x.n
		}
		taken++
	}
	b.waiting = slices.Delete(b.waiting, 0, taken)
}

// compute puts the rows of a batch through the model.
func (b *batcher) compute(batch []*exchange) error {
	rows, data := batch[0].n, batch[0].rows
	if len(batch) > 1 {
		rows, b.rows = 0, b.rows[:0]
		for _, x := range batch {
			b.rows = append(b.rows, x.rows...)
			rows += x.n
		}
		data = b.rows
	}
	over(&b.x, data, rows, b.in)
	start := time.Now()
	if err := b.run(&b.x); err != nil {
		return err
	}
	b.observe(rows, time.Since(start))
	first := 0
	for _, x := range batch {
		b.result(x, first)
		first += x.n
		x.err = nil
	}
	return nil
}

// finish tells the requests of the batch that they have their results, and hands the turn on.
func (b *batcher) finish() {
	for _, x := range b.batch {
		x.turn <- x.err
	}
	clear(b.batch)
	b.batch = b.batch[:0]
	b.lock.Lock()
	defer b.lock.Unlock()
	if b.busy = len(b.waiting) > 0; b.busy {
		b.waiting[0].turn <- errTurn
	}
}
