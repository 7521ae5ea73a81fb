package kernel

import (
	"fmt"
	"math"
	"math/rand/v2"
	"runtime"
	"slices"
	"testing"
	"time"
	"unsafe"
)

// Rates of the screen's kernels. Those of the integer product stand beside the
// rate on registers alone, measured in turn with it: the machine's own speed
// changes by a tenth from minute to minute.

// screenPeak, where a path has one, does n times screenPeakOps operations on
// registers alone.
var screenPeak func(n int)

const screenPeakOps = 2 * 24 * 64

// aligned returns n zero bytes that start at a 64-byte address.
func aligned(n int) []uint8 {
	b := make([]uint8, n+64)
	return b[-uintptr(unsafe.Pointer(&b[0]))&63:][:n:n]
}

func alignedCodes(n int) []int16 {
	return unsafe.Slice((*int16)(unsafe.Pointer(unsafe.SliceData(aligned(2*n)))), n)
}

// rate runs f, of ops operations, and the peak in turn, on one core, and reports
// medians. f should take some 20 us to 1 ms: what else the machine does then falls
// on few of the turns.
func rate(b *testing.B, ops int, f func()) {
	var work, peak []time.Duration
	const turns = 10000
	for b.Loop() {
		start := time.Now()
		f()
		work = append(work, time.Since(start))
		if screenPeak != nil {
			start = time.Now()
			screenPeak(turns)
			peak = append(peak, time.Since(start))
		}
	}
	median := func(d []time.Duration) float64 {
		slices.Sort(d)
		return d[len(d)/2].Seconds()
	}
	r := float64(ops) / median(work)
	b.ReportMetric(0, "ns/op")
	b.ReportMetric(r/1e9, "GOP/s")
	if screenPeak != nil {
		b.ReportMetric(100*r/(turns*screenPeakOps/median(peak)), "%peak")
	}
}

// runOn runs f on that number of goroutines.
func runOn(workers int, f func(worker int)) {
	if workers == 1 {
		f(0)
		return
	}
	done := make(chan bool)
	for i := range workers {
		go func() { f(i); done <- true }()
	}
	for range workers {
		<-done
	}
}

// screenBlock is what one worker screens: tiles rows of x by panels of w.
type screenBlock struct {
	tiles, panels, groups, outliers int
	grid                            Grid

	q, panel     []uint8
	codes, lanes []int16
	rows         []ScreenRow
	w            []ScreenPanel
	columns      []float32
}

const benchLanes = 4 // vectors of lane maxima of a row

// newScreenBlock returns a block of random bytes, for d inputs.
func newScreenBlock(d, tiles, panels, outliers int, grid Grid) *screenBlock {
	s := &screenBlock{tiles: tiles, panels: panels, groups: grid.Groups(d), outliers: outliers, grid: grid}
	r := rand.New(rand.NewPCG(50, 0))
	s.q, s.panel = aligned(tiles*48*grid.TileGroups(s.groups)), aligned(panels*128*s.groups)
	for i := range s.q {
		s.q[i] = uint8(r.Uint32())
	}
	for i := range s.panel {
		s.panel[i] = uint8(r.Uint32())
	}
	s.codes, s.lanes = alignedCodes(panels*tiles*12*32), alignedCodes(tiles*12*s.laneStride())
	s.rows, s.w = make([]ScreenRow, 12*tiles), make([]ScreenPanel, panels)
	for i := range s.rows {
		s.rows[i] = ScreenRow{Scale: 0.01, Bias: 1, Norm: 1, Residual: 1, Mask: ScreenSigned}
	}
	for i := range s.w {
		for l := range 32 {
			s.w[i].Scale[l], s.w[i].Norm[l] = 1, 1
		}
	}
	s.columns = make([]float32, 32*outliers*panels)
	return s
}

func (s *screenBlock) laneStride() int { return 32 * (benchLanes + 1) }

func (s *screenBlock) screen(j int) {
	n := 12 * s.tiles
	ScreenTiles(s.codes[j*n*32:][:n*32], s.lanes[j%benchLanes*32:], s.laneStride(), s.q, s.rows,
		s.panel[j*128*s.groups:][:128*s.groups], s.grid, &s.w[j], s.columns[j*32*s.outliers:][:32*s.outliers])
}

// BenchmarkScreenTile is one panel by a block of rows, on one core: of one tile,
// which stays in the first-level cache, and of 400 KB, in the second.
func BenchmarkScreenTile(b *testing.B) {
	for _, d := range []int{64, 100, 256, 768, 2048, 4096} {
		for _, kb := range []int{0, 200, 400} {
			for _, outliers := range []int{0, 8} {
				tiles := max(1, kb<<10/(12*d))
				b.Run(fmt.Sprintf("d=%d/%dKB/outliers=%d", d, kb, outliers), func(b *testing.B) {
					s := newScreenBlock(d, tiles, 1, outliers, Coarse())
					repeat := 1 + 100*768/(tiles*d)
					rate(b, 2*repeat*tiles*12*32*d, func() {
						for range repeat {
							s.screen(0)
						}
					})
				})
			}
		}
	}
}

// BenchmarkScreenPass is the whole screen of a block of rows, panel after panel,
// packing excluded: on one core beside the peak, and on all cores.
func BenchmarkScreenPass(b *testing.B) {
	for _, s := range []struct {
		d, n, rows, outliers int
		grid                 Grid
	}{
		{768, 8192, 504, 0, Coarse()}, {768, 8192, 504, 8, Coarse()}, {768, 32768, 504, 0, Coarse()}, {100, 4096, 504, 0, Coarse()}, {784, 1000, 132, 0, Coarse()},
		{784, 1000, 132, 0, GridFine}, {784, 1000, 504, 0, GridFine}, {2048, 16384, 252, 0, Coarse()}, {4096, 16384, 132, 0, Coarse()},
	} {
		panels := (s.n + 31) / 32
		b.Run(fmt.Sprintf("%dx%d->%d/outliers=%d/grid=%d", s.rows, s.d, s.n, s.outliers, s.grid), func(b *testing.B) {
			block := newScreenBlock(s.d, s.rows/12, panels, s.outliers, s.grid)
			for j := range panels { // touches all memory
				block.screen(j)
			}
			j := 0
			rate(b, 2*s.d*32*s.rows, func() {
				block.screen(j)
				j = (j + 1) % panels
			})
		})
		b.Run(fmt.Sprintf("%dx%d->%d/outliers=%d/grid=%d/all cores", s.rows, s.d, s.n, s.outliers, s.grid), func(b *testing.B) {
			workers := runtime.GOMAXPROCS(0)
			blocks := make([]*screenBlock, workers)
			for i := range blocks {
				blocks[i] = newScreenBlock(s.d, s.rows/12, panels, s.outliers, s.grid)
				blocks[i].panel = blocks[0].panel
			}
			for b.Loop() {
				runOn(workers, func(i int) {
					for j := range panels {
						blocks[i].screen(j)
					}
				})
			}
			b.ReportMetric(float64(2*workers*s.d*s.n*s.rows)*float64(b.N)/b.Elapsed().Seconds()/1e9, "GOP/s")
		})
	}
}

// gigabytes reports how fast f reads that number of bytes.
func gigabytes(b *testing.B, bytes int, f func()) {
	for b.Loop() {
		f()
	}
	b.ReportMetric(float64(bytes)*float64(b.N)/b.Elapsed().Seconds()/1e9, "GB/s")
}

// BenchmarkScreenOne is one row by all the panels.
func BenchmarkScreenOne(b *testing.B) {
	const d = 768
	for _, n := range []int{1024, 16384, 131072} {
		for workers := 1; workers <= runtime.GOMAXPROCS(0); workers *= 2 {
			b.Run(fmt.Sprintf("%d->%d/workers=%d", d, n, workers), func(b *testing.B) {
				s := newScreenBlock(d, 1, n/32, 0, Coarse())
				gigabytes(b, n*d, func() {
					runOn(workers, func(worker int) {
						for j := worker * n / 32 / workers; j < (worker+1)*n/32/workers; j++ {
							ScreenOne(s.codes[32*j:], s.lanes[32*(2*worker):], s.q[:4*s.groups], &s.rows[0], s.panel[j*128*s.groups:][:128*s.groups], s.grid, &s.w[j], nil)
						}
					})
				})
			})
		}
	}
}

// BenchmarkScreenQuantise packs rows and latents, from memory: GB/s of float64.
func BenchmarkScreenQuantise(b *testing.B) {
	const d, n = 768, 8192
	w := random64(d * n)
	for _, c := range []struct {
		name         string
		stride, rows int
		flip         uint8
		n            int
	}{{"rows", 48, 12, 0, n}, {"latents", 128, 32, 0x80, n}, {"latents in cache", 128, 32, 0x80, 64}} {
		dst, fine := aligned(n/c.rows*c.rows*d), aligned(2*n/c.rows*c.rows*d)
		block := c.stride * d / 4
		eachPath(b, false, func(b *testing.B, p path) {
			b.Run(c.name, func(b *testing.B) {
				gigabytes(b, 8*d*(c.n/c.rows*c.rows), func() {
					for j := range c.n / c.rows * c.rows {
						x := w[j*d:][:d]
						m, _ := p.extent(x)
						p.quantise(dst[j/c.rows*block+j%c.rows*4:], c.stride, x, 127/(1+m), c.flip)
					}
				})
			})
			b.Run(c.name+"/int16", func(b *testing.B) {
				gigabytes(b, 8*d*(c.n/c.rows*c.rows), func() {
					for j := range c.n / c.rows * c.rows {
						x := w[j*d:][:d]
						_, square := p.extent(x)
						p.quantise16(fine[j/c.rows*2*block+j%c.rows*4:], c.stride, x, 46000/math.Sqrt(square))
					}
				})
			})
			b.Run(c.name+"/extent only", func(b *testing.B) {
				gigabytes(b, 8*d*c.n, func() {
					for j := range c.n {
						p.extent(w[j*d:][:d])
					}
				})
			})
		})
	}
}

// BenchmarkScreenPairs has hits in as many rows as the first round finds at 8192
// latents, k = 32: about one row in eight.
func BenchmarkScreenPairs(b *testing.B) {
	const rows, panels = 516, 256
	r := rand.New(rand.NewPCG(53, 0))
	codes, pairs, low, high := alignedCodes(32*rows*panels), make([]Pair, 32*rows), make([]int16, rows), make([]int16, rows)
	for i := range codes {
		codes[i] = int16(r.IntN(8192))
	}
	for i := range low {
		low[i], high[i] = 8192-37, 1<<15-1
	}
	eachPath(b, false, func(b *testing.B, p path) {
		found := 0
		gigabytes(b, 64*rows*panels, func() {
			found = 0
			for j := range panels {
				found += p.screenPairs(pairs, codes[32*rows*j:][:32*rows], low, high, 0, 0, ^uint32(0))
			}
		})
		b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/panels, "ns/panel")
		b.ReportMetric(float64(found)/panels, "pairs/panel")
	})
}

func BenchmarkScreenKth(b *testing.B) {
	for _, n := range []int{64, 128, 512, 8192} {
		codes := randomCodes(rand.New(rand.NewPCG(51, 1)), n)
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			eachPath(b, false, func(b *testing.B, p path) {
				for b.Loop() {
					p.screenKth(codes, min(32, n))
				}
			})
		})
	}
}

// BenchmarkScreenDotPairs reads latents at random, from the caches and from
// memory: GB/s of weights.
func BenchmarkScreenDotPairs(b *testing.B) {
	r := rand.New(rand.NewPCG(52, 0))
	const rows = 64
	for _, c := range []struct{ d, n int }{{100, 256}, {100, 4096}, {768, 32}, {768, 256}, {768, 16384}} {
		x, w, w32 := random64(rows*c.d), random64(c.n*c.d), random32(c.n*c.d)
		pairs, dst := make([]Pair, 4096), make([]float64, 4096)
		for i := range pairs {
			pairs[i] = Pair{int32(r.IntN(rows)), int32(r.IntN(c.n))}
		}
		b.Run(fmt.Sprintf("d=%d/latents=%d", c.d, c.n), func(b *testing.B) {
			eachPath(b, false, func(b *testing.B, p path) {
				b.Run("float64", func(b *testing.B) {
					gigabytes(b, 8*c.d*len(pairs), func() { p.dotPairs(dst, x, c.d, w, c.d, c.d, pairs) })
				})
				b.Run("int16", func(b *testing.B) {
					d := (c.d + 31) / 32 * 32
					x, w, dst := aligned(2*rows*d), aligned(2*c.n*d), make([]int32, len(pairs))
					gigabytes(b, 2*d*len(pairs), func() { p.dotPairs16(dst, x, 2*d, w, 2*d, d, pairs) })
				})
				b.Run("float32", func(b *testing.B) {
					gigabytes(b, 4*c.d*len(pairs), func() { p.dotPairs32(dst, x, c.d, w32, c.d, c.d, pairs) })
				})
			})
		})
	}
}
