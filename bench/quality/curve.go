package main

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strconv"
	"time"
)

// point is one evaluation during a training.
type point struct {
	step    int
	seconds float64 // of training until then
	fvu     float64 // NaN where the network gives no numbers any more
}

// outcome is what a training gave.
type outcome struct {
	name     string
	curve    []point // the last one is that of the network that the training left
	dead, l0 float64
	recovery float64 // mean cosine of the known atoms to the nearest learned ones; NaN where there are none
	rate     float64 // the largest learning rate of any step
	notes    []string
	failed   string // why there is nothing else, "" where there is
}

// last is the evaluation at the end.
func (o outcome) last() point {
	if len(o.curve) == 0 {
		return point{seconds: math.NaN(), fvu: math.NaN()}
	}
	return o.curve[len(o.curve)-1]
}

// clock counts the seconds between start and stop.
type clock struct {
	began time.Time
	total time.Duration
}

// start goes on counting.
func (c *clock) start() { c.began = time.Now() }

// stop returns the seconds up to now.
func (c *clock) stop() float64 {
	c.total += time.Since(c.began)
	return c.total.Seconds()
}

// evaluations returns after which steps a training of n steps is evaluated: about 30, each the
// same factor after the one before, and the last step.
func evaluations(n int) []int {
	const most = 32
	var at []int
	for i := range most {
		s := int(math.Round(math.Pow(float64(n), float64(i)/(most-1))))
		if len(at) == 0 || s > at[len(at)-1] {
			at = append(at, s)
		}
	}
	at[len(at)-1] = n
	return at
}

// timeTo returns the seconds until the FVU was at the level, NaN where it never was. The curve
// between two points is a line in the logarithms of both, and what counts is when it first
// comes down to the level.
func timeTo(curve []point, level float64) float64 {
	for i, p := range curve {
		if !(p.fvu <= level) {
			continue
		}
		if i == 0 {
			return p.seconds
		}
		before := curve[i-1]
		if !(before.seconds > 0 && before.fvu < math.Inf(1) && p.fvu > 0) {
			return p.seconds // an end of the line has no logarithm
		}
		part := math.Log(before.fvu/level) / math.Log(before.fvu/p.fvu)
		return before.seconds * math.Pow(p.seconds/before.seconds, part)
	}
	return math.NaN()
}

// levels returns for which FVU the times are printed, from the highest down: those given, or
// three from the curve of ours, and the last of each peer.
func levels(given []float64, ours outcome, peers []outcome) []float64 {
	list := slices.Clone(given)
	if len(list) == 0 && len(ours.curve) > 0 {
		first, last := math.Min(1, ours.curve[0].fvu), ours.last().fvu
		for i := 1; i <= 3 && last > 0 && first > last; i++ {
			v := first * math.Pow(last/first, float64(i)/4)
			v, _ = strconv.ParseFloat(strconv.FormatFloat(v, 'g', 2, 64), 64)
			list = append(list, v)
		}
	}
	for _, p := range peers {
		if v := p.last().fvu; v > 0 && !math.IsInf(v, 0) { // not NaN either
			list = append(list, v)
		}
	}
	slices.SortFunc(list, func(a, b float64) int { return cmp.Compare(b, a) })
	return slices.CompactFunc(list, func(a, b float64) bool { return levelText(a) == levelText(b) })
}

// levelText is a level in the head of a column.
func levelText(v float64) string { return fmt.Sprintf("%.4g", v) }
