package main

import (
	"fmt"
	"math"
	"os"
	"runtime"
	"sync"
	"sync/atomic"
	"time"
)

// machine is what the processor can do at most, on GOMAXPROCS cores, measured in
// the same run as everything else. A rate is the best of several tries, because other
// programs can only make it lower.
type machine struct {
	flops64, flops32 float64 // operations a second, a multiply-add is two; 0 if not known

	tries  int
	rates  map[int]rates // by the bytes of the array
	memory []uint64
}

// rates is how many bytes a second of an array can be read, or read and written back.
type rates struct {
	read   float64
	update float64
}

// large is more memory than any cache holds.
const large = 512 << 20

// newMachine measures the rates of the processor, each by that number of tries.
func newMachine(tries int) *machine {
	m := &machine{tries: tries, rates: map[int]rates{}}
	m.measure()
	m.at(large)
	m.memory = nil
	return m
}

// measure measures all rates again and keeps the better ones. It is called at the
// start of a run and at its end, because a rate that is too low makes all shares of it
// too high.
func (m *machine) measure() {
	f64, f32 := peaks()
	m.flops64, m.flops32 = max(m.flops64, m.peak(f64)), max(m.flops32, m.peak(f32))
	for bytes, old := range m.rates {
		r := m.speeds(bytes)
		m.rates[bytes] = rates{max(r.read, old.read), max(r.update, old.update)}
	}
	m.memory = nil
}

// peak returns the operations a second of a loop that stays in registers.
func (m *machine) peak(l peakLoop) float64 {
	if l.turns == nil {
		return 0
	}
	const calls, turns = 4000, 1000 // about 10 us a call
	seconds := m.best(func(int) {
		for range calls {
			l.turns(turns)
		}
	})
	return float64(runtime.GOMAXPROCS(0)*calls*turns*l.operations) / seconds
}

// at returns the rates of an array of that number of bytes, read again and again. A
// smaller one may fit in a cache and is then faster.
func (m *machine) at(bytes int) rates {
	if _, ok := m.rates[bytes]; !ok {
		m.rates[bytes] = m.speeds(bytes)
	}
	return m.rates[bytes]
}

// speeds measures the rates of an array of that number of bytes, rounded up to multiples
// of 64 words for each core.
func (m *machine) speeds(bytes int) rates {
	procs := runtime.GOMAXPROCS(0)
	share := (bytes/8 + 64*procs - 1) / (64 * procs) * 64
	n := share * procs
	if len(m.memory) < n {
		m.memory = make([]uint64, n)
		for i := range m.memory {
			m.memory[i] = uint64(i)
		}
	}
	repeat := max(1, 1<<22/n) // at least some milliseconds
	sums := make([]uint64, 8*procs)
	read := m.best(func(worker int) {
		for range repeat {
			sums[8*worker] += readWords(m.memory[worker*share:][:share])
		}
	})
	update := m.best(func(worker int) {
		for range repeat {
			updateWords(m.memory[worker*share:][:share])
		}
	})
	total := float64(8 * n * repeat)
	return rates{read: total / read, update: total / update}
}

// best runs f on every core at once, several times, and returns the seconds of
// the fastest.
func (m *machine) best(f func(worker int)) float64 {
	procs := runtime.GOMAXPROCS(0)
	var least time.Duration
	for try := range m.tries {
		var wg sync.WaitGroup
		begin := time.Now()
		for w := range procs {
			wg.Add(1)
			go func() {
				defer wg.Done()
				f(w)
			}()
		}
		wg.Wait()
		if d := time.Since(begin); try == 0 || d < least {
			least = d
		}
	}
	return least.Seconds()
}

// ping returns the nanoseconds that a cache line takes from one core to another, NaN
// where there is only one core. It shows where the cores of a virtual machine are: on a
// Zen 5 it is 45 to 60 for two cores of one complex, which share a third-level cache, and
// 210 to 235 for cores of two complexes.
func ping() float64 {
	if runtime.GOMAXPROCS(0) < 2 {
		return math.NaN()
	}
	const tries, trips = 3, 5000
	least := math.Inf(1)
	for range tries {
		var ball atomic.Int64 // odd on its way there, even on its way back
		done := make(chan struct{})
		go func() {
			for i := int64(1); i < 2*trips; i += 2 {
				for ball.Load() != i {
				}
				ball.Store(i + 1)
			}
			close(done)
		}()
		begin := time.Now()
		for i := int64(0); i < 2*trips; i += 2 {
			ball.Store(i + 1)
			for ball.Load() != i+2 {
			}
		}
		least = min(least, float64(time.Since(begin).Nanoseconds())/(2*trips))
		<-done
	}
	return least
}

// readWords reads x and updateWords updates it in plain Go, eight words at a time. That is
// faster than a core's share of the memory bandwidth, and slower than its caches.

//go:noinline
func readWords(x []uint64) uint64 {
	var a, b, c, d uint64
	for ; len(x) >= 8; x = x[8:] {
		a += x[0]
		b += x[1]
		c += x[2]
		d += x[3]
		a += x[4]
		b += x[5]
		c += x[6]
		d += x[7]
	}
	return a + b + c + d
}

//go:noinline
func updateWords(x []uint64) {
	for ; len(x) >= 8; x = x[8:] {
		x[0]++
		x[1]++
		x[2]++
		x[3]++
		x[4]++
		x[5]++
		x[6]++
		x[7]++
	}
}

// load returns the average number of programs that were ready to run in the last
// minute, 0 where that is not known.
func load() float64 {
	text, _ := os.ReadFile("/proc/loadavg")
	var average float64
	fmt.Sscan(string(text), &average)
	return average
}

// String gives the rates of multiply-adds and of memory outside the caches.
func (m *machine) String() string {
	flops := "multiply-adds not known"
	if m.flops64 > 0 {
		flops = fmt.Sprintf("%s GFLOPS in float64, %s in float32", number(m.flops64/1e9), number(m.flops32/1e9))
	}
	r := m.rates[large]
	return fmt.Sprintf("%s; memory: reads %s GB/s, updates %s GB/s", flops, number(r.read/1e9), number(r.update/1e9))
}
