package topk

import (
	"math"
	"sync"

	"github.com/ksparse/ksparse/internal/matrix"
	"github.com/ksparse/ksparse/internal/parallel"
)

// Found collects entries that several goroutines find at once, for a List. The
// zero value is empty.
type Found struct {
	mu    sync.Mutex
	parts []*Part

	out  *List                    // of the Join that runs
	copy func(worker, lo, hi int) // copyParts, made once: a new one would be garbage
}

// Part holds what one goroutine has found, in runs.
type Part struct {
	runs []run
	idx  []int32
	pre  []float64
}

// run is some entries of one row that follow one another in a part, in ascending
// order of their index. It begins where the run before it ends.
type run struct {
	row int
	end int // its entries end before this one of the part
	to  int // where its entries go in the list
}

var partPool = sync.Pool{New: func() any { return new(Part) }}

// Part returns a new part. Where a row has runs in several parts, they follow one
// another in the order in which the parts were asked for.
func (f *Found) Part() *Part {
	p := partPool.Get().(*Part)
	p.runs, p.idx, p.pre = p.runs[:0], p.idx[:0], p.pre[:0]
	f.mu.Lock()
	f.parts = append(f.parts, p)
	f.mu.Unlock()
	return p
}

// Add adds a run of entries of the given row.
func (p *Part) Add(row int, idx []int32, pre []float64) {
	p.idx, p.pre = append(p.idx, idx...), append(p.pre, pre...)
	p.end(row)
}

// add adds an entry to the run that the next end ends.
func (p *Part) add(idx int32, pre float64) { p.idx, p.pre = append(p.idx, idx), append(p.pre, pre) }

// addSpoilt adds the entries from the latent first on that are above their thresholds,
// over > 0, or are not finite: those as NaN.
func (p *Part) addSpoilt(first int32, z, over []float64) {
	for j, v := range z {
		switch {
		case v-v != 0:
			p.add(first+int32(j), math.NaN())
		case over[j] > 0:
			p.add(first+int32(j), v)
		}
	}
}

// end makes the entries after the last run a run of the given row, if there are any.
func (p *Part) end(row int) {
	begin := 0
	if n := len(p.runs); n > 0 {
		begin = p.runs[n-1].end
	}
	if end := len(p.idx); end > begin {
		p.runs = append(p.runs, run{row: row, end: end})
	}
}

// Join sets out to all that was found, of the given number of rows, and empties f.
func (f *Found) Join(out *List, rows int) {
	total := f.place(out, rows)
	out.Idx, out.Pre = matrix.Resized(out.Idx, total), matrix.Resized(out.Pre, total)
	if f.copy == nil {
		f.copy = f.copyParts
	}
	f.out = out
	parallel.For(len(f.parts), 1+len(f.parts)*leastCopy/(total+1), f.copy)
	f.out = nil
	for i, p := range f.parts {
		partPool.Put(p)
		f.parts[i] = nil
	}
	f.parts = f.parts[:0]
}

// leastCopy is how many entries are worth a goroutine.
const leastCopy = 1 << 14

// place sets the offsets of out and the places of all runs. It returns the number of
// entries.
func (f *Found) place(out *List, rows int) (total int) {
	out.Offsets = matrix.Resized(out.Offsets, rows+1)
	clear(out.Offsets)
	// next[i] is the number of entries of row i at first, then where row i begins, and
	// then where its next run goes: in the end, where row i+1 begins.
	next := out.Offsets[1:]
	for _, p := range f.parts {
		from := 0
		for _, r := range p.runs {
			next[r.row] += r.end - from
			from = r.end
		}
	}
	for i, n := range next {
		next[i] = total
		total += n
	}
	for _, p := range f.parts {
		from := 0
		for i := range p.runs {
			r := &p.runs[i]
			r.to = next[r.row]
			next[r.row] += r.end - from
			from = r.end
		}
	}
	return total
}

// copyParts copies the runs of the parts lo to hi to their places.
func (f *Found) copyParts(_, lo, hi int) {
	for _, p := range f.parts[lo:hi] {
		from := 0
		for _, r := range p.runs {
			copy(f.out.Idx[r.to:], p.idx[from:r.end])
			copy(f.out.Pre[r.to:], p.pre[from:r.end])
			from = r.end
		}
	}
}

// List receives a selection of any number of entries per row: those of row i
// stand at Offsets[i] to Offsets[i+1], in ascending order of Idx.
type List struct {
	Offsets []int // one more than there are rows
	Idx     []int32
	Pre     []float64 // before the activation
}

// Row returns the entries of row i.
func (l *List) Row(i int) ([]int32, []float64) {
	lo, hi := l.Offsets[i], l.Offsets[i+1]
	return l.Idx[lo:hi], l.Pre[lo:hi]
}
