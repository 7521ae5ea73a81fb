package main

import (
	"fmt"
	"image/color"
	"math"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/font"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/vg/draw"

	"github.com/ksparse/ksparse/examples/ticks"
)

// sans is the typeface of all pictures. It comes with gonum/plot.
var sans = font.Font{Typeface: "Liberation", Variant: "Sans"}

// plotCurves draws how the error falls during training: as a line on the
// batches of training, as a dot on the test digits after each epoch.
func plotCurves(path string, results []*result) error {
	p := newPlot()
	p.Title.Text = "Training: batches (lines) and test digits (dots)"
	p.X.Label.Text = "epoch"
	p.Y.Label.Text = "mean squared error per pixel (ink from 0 to 1)"
	p.X.Min = 0
	p.X.Tick.Marker = every(math.Ceil(float64(len(results[0].testCurve)) / 10))
	p.Y.Scale = plot.LogScale{}
	p.Y.Tick.Marker = ticks.Log{}
	grid := plotter.NewGrid()
	grid.Vertical.Color, grid.Horizontal.Color = color.Gray{Y: 220}, color.Gray{Y: 220}
	p.Add(grid)

	legend := plot.NewLegend()
	legend.TextStyle.Font = font.From(sans, 14)
	legend.Top, legend.Left, legend.Padding = true, true, 6
	for i, r := range results {
		c := shade(i, len(results))
		line, err := plotter.NewLine(r.trainCurve)
		if err != nil {
			return err
		}
		line.Color, line.Width = c, 1.5
		dots, err := plotter.NewScatter(r.testCurve)
		if err != nil {
			return err
		}
		dots.GlyphStyle = draw.GlyphStyle{Color: c, Radius: 3.5, Shape: draw.CircleGlyph{}}
		p.Add(line, dots)
		legend.Add(fmt.Sprintf("k = %d", r.k), line, dots)
	}

	s := newSheet(1000, 600)
	p.Draw(draw.Crop(s.canvas, 16, -120, 14, -14))
	legend.Draw(draw.Crop(s.canvas, 1000-104, 0, 0, -56)) // beside the data, not over it
	return s.save(path)
}

// plotFrequencies draws one histogram per k of how often the latents are active: on
// the left latents that are active on few digits, on the right those that are active
// on most.
func plotFrequencies(path string, results []*result) error {
	const bin = 2.5 // percent
	const width, title, panel, foot = 1000, 56, 170, 40

	panels := make([][]*plot.Plot, len(results)) // one column
	widest := 0.0                                // percent; all panels share the axis
	for i, r := range results {
		bars := &plotter.Histogram{Width: bin, FillColor: shade(i, len(results))}
		bars.LineStyle = draw.LineStyle{Color: color.White, Width: 1}
		for from := 0.0; from <= 100; from += bin {
			bars.Bins = append(bars.Bins, plotter.HistogramBin{Min: from, Max: from + bin})
		}
		tallest := 0.0
		for _, f := range r.frequency {
			b := &bars.Bins[int(100*f/bin)]
			b.Weight++
			widest, tallest = max(widest, b.Max), max(tallest, b.Weight)
		}
		p := newPlot()
		p.Title.Text = fmt.Sprintf("k = %d: %.1f latents active per digit, %d of %d dead", r.k, r.l0, r.dead, len(r.frequency))
		p.Title.TextStyle.Font.Size, p.Title.Padding = 14, 4
		p.Y.Label.Text = "latents"
		p.Add(bars)
		step := 5.0
		for 3*step < tallest {
			step *= 2
		}
		p.Y.Min, p.Y.Max, p.Y.Tick.Marker = 0, tallest, every(step)
		panels[i] = []*plot.Plot{p}
	}
	panels[len(panels)-1][0].X.Label.Text = "share of the test digits on which a latent is active (%)"
	for _, row := range panels {
		row[0].X.Min, row[0].X.Max, row[0].X.Tick.Marker = 0, widest, every(10)
	}

	s := newSheet(width, title+panel*len(panels)+foot)
	s.write(24, 30, 20, "How often each of the latents is active")
	tiles := draw.Tiles{Rows: len(panels), Cols: 1, PadY: 16}
	for i, row := range plot.Align(panels, tiles, draw.Crop(s.canvas, 16, -24, 14, -title)) {
		panels[i][0].Draw(row[0])
	}
	return s.save(path)
}

// newPlot returns an empty plot in the style that all plots have.
func newPlot() *plot.Plot {
	p := plot.New()
	p.Title.TextStyle.Font = font.From(sans, 20)
	p.Title.Padding = 12
	for _, a := range []*plot.Axis{&p.X, &p.Y} {
		a.Label.TextStyle.Font = font.From(sans, 15)
		a.Label.Padding = 6
		a.Tick.Label.Font = font.From(sans, 13)
		a.LineStyle.Width, a.Tick.LineStyle.Width = 0.75, 0.75
	}
	return p
}

// shade is the colour of curve i of n, from amber (small k) to indigo.
func shade(i, n int) color.Color {
	stops := [][3]float64{{240, 160, 48}, {204, 63, 108}, {75, 29, 145}}
	t := 0.0
	if n > 1 {
		t = float64(i) / float64(n-1) * float64(len(stops)-1)
	}
	from := min(int(t), len(stops)-2)
	mix := func(c int) uint8 {
		return uint8(math.Round(stops[from][c] + (t-float64(from))*(stops[from+1][c]-stops[from][c])))
	}
	return color.RGBA{mix(0), mix(1), mix(2), 255}
}

// every marks the multiples of a number on an axis.
type every float64

// Ticks implements plot.Ticker.
func (e every) Ticks(lo, hi float64) []plot.Tick {
	var ticks []plot.Tick
	for n := math.Ceil(lo / float64(e)); n*float64(e) <= hi; n++ {
		ticks = append(ticks, plot.Tick{Value: n * float64(e), Label: fmt.Sprint(n * float64(e))})
	}
	return ticks
}
