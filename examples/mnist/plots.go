package main

import (
	"fmt"
	"image/color"
	"math"
	"strconv"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/font"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
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
	p.Y.Scale = plot.LogScale{}
	p.Y.Tick.Marker = logTicks{}
	grid := plotter.NewGrid()
	grid.Vertical.Color, grid.Horizontal.Color = color.Gray{Y: 230}, color.Gray{Y: 230}
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

// plotFrequencies draws one histogram per k of how often the latents are
// active. Bars on the far left are latents that hardly anything needs, bars on
// the far right latents that everything has.
func plotFrequencies(path string, results []*result) error {
	const width, height, title, panel = 1000, 40, 50, 170
	most := 0.0
	for _, r := range results {
		for _, f := range r.frequency {
			most = max(most, 100*f)
		}
	}
	const bin = 2.5 // percent
	bins := max(int(math.Floor(most/bin))+1, 4)

	var panels [][]*plot.Plot
	for i, r := range results {
		h := &plotter.Histogram{Width: bin, FillColor: shade(i, len(results))}
		h.LineStyle = draw.LineStyle{Color: color.White, Width: 1}
		for b := range bins {
			h.Bins = append(h.Bins, plotter.HistogramBin{Min: bin * float64(b), Max: bin * float64(b+1)})
		}
		for _, f := range r.frequency {
			h.Bins[int(100*f/bin)].Weight++
		}
		p := newPlot()
		p.Title.Text = fmt.Sprintf("k = %d: %.1f latents active per digit, %d dead", r.k, r.l0, r.dead)
		p.Title.TextStyle.Font.Size = 14
		p.Y.Label.Text = "latents"
		p.Add(h)
		p.X.Min, p.X.Max, p.Y.Min = 0, bin*float64(bins), 0
		if i == len(results)-1 {
			p.X.Label.Text = "share of the test digits on which a latent is active (%)"
		}
		panels = append(panels, []*plot.Plot{p})
	}

	s := newSheet(width, height+title+panel*len(panels))
	s.write(24, 30, 20, "How often each of the latents is active")
	c := draw.Crop(s.canvas, 16, -24, 14, -title)
	tiles := draw.Tiles{Rows: len(panels), Cols: 1, PadY: 12}
	for i, row := range plot.Align(panels, tiles, c) {
		panels[i][0].Draw(row[0])
	}
	return s.save(path)
}

// newPlot returns an empty plot in the style that all share.
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

// logTicks marks 1, 2 and 5 times the powers of ten. plot.LogTicks labels only
// the powers, of which the curves' range holds one.
type logTicks struct{}

func (logTicks) Ticks(lo, hi float64) []plot.Tick {
	var ticks []plot.Tick
	for e := math.Floor(math.Log10(lo)); e <= math.Log10(hi); e++ {
		for digit := 1; digit < 10; digit++ {
			t := plot.Tick{Value: float64(digit) * math.Pow(10, e)}
			if digit == 1 || digit == 2 || digit == 5 {
				t.Label = strconv.FormatFloat(t.Value, 'g', 3, 64)
			}
			if lo <= t.Value && t.Value <= hi {
				ticks = append(ticks, t)
			}
		}
	}
	return ticks
}

var _ vg.Length // TODO
