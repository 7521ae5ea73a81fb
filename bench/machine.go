package main

import (
	"fmt"
	"math"
	"os"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// machine is what the processor can do at most, on GOMAXPROCS cores, measured in
// the same run as everything else: a rate is the best of several tries, since
// other programs only ever make it lower.
type machine struct {
	flops64, flops32 float64 // operations a second, a multiply-add is two; 0 if not known

	tries  int
	rates  map[int]rates // by bytes that are gone through
	memory []uint64
}

// rates says how many bytes a second can be gone through.
type rates struct {
	read   float64
	update float64 // read and written back
}

// peakLoop runs n turns of so many operations each.
type peakLoop struct {
	operations int
	run        func(n int)
}

// large is more memory than any cache holds.
const large = 512 << 20

func newMachine(tries int) *machine {
	m := &machine{tries: tries, rates: map[int]rates{}}
	m.measure()
	m.at(large)
	m.memory = nil
	return m
}

// measure takes all rates once more and keeps the better ones. It is called at the
// start of a run and at its end: a rate that was disturbed once makes all shares
// of it too high.
func (m *machine) measure() {
	f64, f32 := peaks()
	m.flops64, m.flops32 = max(m.flops64, m.peak(f64)), max(m.flops32, m.peak(f32))
	for bytes, old := range m.rates {
		r := m.through(bytes)
		m.rates[bytes] = rates{max(r.read, old.read), max(r.update, old.update)}
	}
	m.memory = nil
}

// peak returns the operations a second of a loop that stays in registers.
func (m *machine) peak(l peakLoop) float64 {
	if l.run == nil {
		return 0
	}
	const calls, turns = 4000, 1000 // about 10 us a call
	seconds := m.best(func(int) {
		for range calls {
			l.run(turns)
		}
	})
	return float64(runtime.GOMAXPROCS(0)*calls*turns*l.operations) / seconds
}

// at returns the rates for going through so many bytes again and again. A
// smaller size may fit in a cache and is then faster.
func (m *machine) at(bytes int) rates {
	if _, ok := m.rates[bytes]; !ok {
		m.rates[bytes] = m.through(bytes)
	}
	return m.rates[bytes]
}

// through measures the rates for going through so many bytes, rounded up to
// whole pieces of 64 words for each core.
func (m *machine) through(bytes int) rates {
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
// where there is only one. It says where the cores of a virtual machine are: on a Zen 5
// 45 to 60 on one complex, which shares a third-level cache, 210 to 235 on two.
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

// readWords and updateWords go through x as plain Go does it, eight words at a
// time: more than a core's share of the memory bandwidth, less than its cache's.

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

// load returns the average number of programs that wanted to run in the last
// minute, 0 where the system does not say.
func load() float64 {
	text, _ := os.ReadFile("/proc/loadavg")
	var average float64
	fmt.Sscan(string(text), &average)
	return average
}

// cpuName returns what the processor calls itself.
func cpuName() string {
	info, _ := os.ReadFile("/proc/cpuinfo")
	for line := range strings.Lines(string(info)) {
		if name, value, ok := strings.Cut(line, ":"); ok && strings.TrimSpace(name) == "model name" {
			return strings.TrimSpace(value)
		}
	}
	return "unknown, " + runtime.GOARCH
}

// String gives the rates of multiply-adds and of memory that no cache holds.
func (m *machine) String() string {
	flops := "multiply-adds not known"
	if m.flops64 > 0 {
		flops = fmt.Sprintf("%s GFLOPS in float64, %s in float32", number(m.flops64/1e9), number(m.flops32/1e9))
	}
	r := m.rates[large]
	return fmt.Sprintf("%s; memory: reads %s GB/s, updates %s GB/s", flops, number(r.read/1e9), number(r.update/1e9))
}
