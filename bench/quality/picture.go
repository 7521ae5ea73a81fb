package main

import (
	"fmt"
	"image/color"
	"math"
	"os"
	"slices"

	"github.com/ksparse/ksparse/examples/ticks"
	"gonum.org/v1/plot"
	"gonum.org/v1/plot/font"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
	"gonum.org/v1/plot/vg/vgimg"
)

// panel is what is drawn for one kind of data.
type panel struct {
	title string
	runs  []outcome // ours is the first
}

// colours are those of the curves, ours first. They can be told apart by people who confuse
// colours, too (Okabe and Ito).
var colours = []color.RGBA{
	{0, 114, 178, 255}, {213, 94, 0, 255}, {0, 158, 115, 255}, {204, 121, 167, 255}, {230, 159, 0, 255}, {86, 180, 233, 255}, {90, 90, 90, 255},
}

// sans is the typeface. It comes with gonum/plot.
var sans = font.Font{Typeface: "Liberation", Variant: "Sans"}

// drawPanels writes a PNG with a panel for each kind, two in a line.
func drawPanels(path string, panels []panel) error {
	columns := min(2, len(panels))
	lines := (len(panels) + columns - 1) / columns
	const width, height = 640, 440 // of a panel, in points
	canvas := vgimg.NewWith(vgimg.UseWH(vg.Length(columns*width), vg.Length(lines*height)), vgimg.UseDPI(144))
	grid := make([][]*plot.Plot, lines)
	for i := range grid {
		grid[i] = make([]*plot.Plot, columns)
	}
	for i, p := range panels {
		drawn, err := p.plot()
		if err != nil {
			return err
		}
		grid[i/columns][i%columns] = drawn
	}
	tiles := draw.Tiles{Rows: lines, Cols: columns, PadX: 24, PadY: 20, PadLeft: 14, PadRight: 22, PadTop: 14, PadBottom: 12}
	for i, line := range plot.Align(grid, tiles, draw.New(canvas)) {
		for j, c := range line {
			if grid[i][j] != nil {
				grid[i][j].Draw(c)
			}
		}
	}
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	_, err = vgimg.PngCanvas{Canvas: canvas}.WriteTo(f)
	if e := f.Close(); err == nil {
		err = e
	}
	return err
}

// plot returns the curves of a panel.
func (p panel) plot() (*plot.Plot, error) {
	g := plot.New()
	g.Title.Text = p.title
	g.Title.TextStyle.Font, g.Title.Padding = font.From(sans, 17), 10
	g.X.Label.Text, g.Y.Label.Text = "seconds of training", "FVU on held-out rows"
	for _, a := range []*plot.Axis{&g.X, &g.Y} {
		a.Scale, a.Tick.Marker = plot.LogScale{}, ticks.Log{}
		a.Label.TextStyle.Font, a.Label.Padding = font.From(sans, 13), 6
		a.Tick.Label.Font = font.From(sans, 12)
		a.LineStyle.Width, a.Tick.LineStyle.Width = 0.75, 0.75
	}
	lines := plotter.NewGrid()
	lines.Vertical.Color, lines.Horizontal.Color = color.Gray{Y: 225}, color.Gray{Y: 225}
	g.Add(lines)
	g.Legend.TextStyle.Font = font.From(sans, 12)
	g.Legend.Top, g.Legend.Padding, g.Legend.XOffs, g.Legend.YOffs = true, 4, -8, -4 // curves fall, so this corner is free
	curves := make([][]plot.Plotter, len(p.runs))
	for i, r := range p.runs {
		var err error
		if curves[i], err = curveOf(g, r, i); err != nil {
			return nil, err
		}
	}
	slices.Reverse(curves) // ours on top
	g.Add(slices.Concat(curves...)...)
	g.X.Min, g.X.Max, g.Y.Min, g.Y.Max = p.limits()
	return g, nil
}

// curveOf returns what is drawn for run number i, and adds its line to the legend.
func curveOf(g *plot.Plot, r outcome, i int) ([]plot.Plotter, error) {
	points := drawable(r.curve)
	if len(points) == 0 {
		return nil, nil
	}
	line, dots, err := plotter.NewLinePoints(points)
	if err != nil {
		return nil, err
	}
	c := colours[min(i, len(colours)-1)]
	if i > 0 {
		c = colours[1+(i-1)%(len(colours)-1)]
		line.Dashes = [][]vg.Length{nil, {6, 3}, {2, 2}}[(i-1)/(len(colours)-1)%3]
	}
	line.Color, line.Width = c, 1.5
	dots.GlyphStyle = draw.GlyphStyle{Color: c, Radius: 2, Shape: draw.CircleGlyph{}}
	if i == 0 {
		line.Width, dots.Radius = 2.5, 3
	}
	name := r.name
	if i > 0 {
		name += fmt.Sprintf(", rate %.3g", r.rate)
	}
	g.Legend.Add(name, line, dots)
	return []plot.Plotter{line, dots}, nil
}

// drawable returns the points that have a place on logarithmic axes.
func drawable(curve []point) plotter.XYs {
	var points plotter.XYs
	for _, p := range curve {
		if p.seconds > 0 && p.fvu > 0 && !math.IsInf(p.fvu, 0) { // not NaN either
			points = append(points, plotter.XY{X: p.seconds, Y: p.fvu})
		}
	}
	return points
}

// limits returns the ends of the axes: those of the points, but no FVU above 2.
func (p panel) limits() (x0, x1, y0, y1 float64) {
	x0, x1, y0, y1 = math.Inf(1), 0, math.Inf(1), 0
	for _, r := range p.runs {
		for _, q := range drawable(r.curve) {
			x0, x1, y0, y1 = min(x0, q.X), max(x1, q.X), min(y0, q.Y), max(y1, q.Y)
		}
	}
	if x1 == 0 {
		return 1, 10, 0.1, 1 // nothing to draw
	}
	if y0 < 1 {
		y1 = min(y1, 2)
	}
	return x0 / 1.2, x1 * 1.2, y0 / 1.1, y1 * 1.1
}
