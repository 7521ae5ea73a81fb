package report

import (
	"bytes"
	"fmt"
	"html/template"
	"image/color"
	"math"
	"strconv"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/font"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
	"gonum.org/v1/plot/vg/vgsvg"

	"github.com/ksparse/ksparse/cmd/ksparse/internal/job"
	"github.com/ksparse/ksparse/examples/ticks"
	"github.com/ksparse/ksparse/train"
)

// The colours of steps, epochs and bars. They can be told apart by people who confuse colours, too (Okabe and
// Ito).
var (
	blue   = color.RGBA{0, 114, 178, 255}
	orange = color.RGBA{213, 94, 0, 255}
	grey   = color.Gray{Y: 225}
)

// sans is the typeface. It comes with gonum/plot.
var sans = font.Font{Typeface: "Liberation", Variant: "Sans"}

// The size of a picture, in points.
const width, height = 380, 270

// newPlot returns an empty plot.
func newPlot(x, y string) *plot.Plot {
	p := plot.New()
	p.X.Label.Text, p.Y.Label.Text = x, y
	for _, a := range []*plot.Axis{&p.X, &p.Y} {
		a.Label.TextStyle.Font = font.From(sans, 11)
		a.Tick.Label.Font = font.From(sans, 10)
		a.LineStyle.Width, a.Tick.LineStyle.Width = 0.75, 0.75
	}
	grid := plotter.NewGrid()
	grid.Vertical.Color, grid.Horizontal.Color = grey, grey
	p.Add(grid)
	return p
}

// svg draws the plot as an element of a page.
func svg(p *plot.Plot) (template.HTML, error) {
	c := vgsvg.New(width, height)
	p.Draw(draw.New(c))
	var text bytes.Buffer
	if _, err := c.WriteTo(&text); err != nil {
		return "", err
	}
	b := text.Bytes()
	if at := bytes.Index(b, []byte("<svg")); at > 0 {
		b = b[at:] // without what stands before the element in a file
	}
	return template.HTML(b), nil // numbers and names of axes: nothing from outside
}

// fvu draws the FVU over the steps.
func (r Report) fvu() (picture, error) {
	p, err := r.curve("FVU", func(q job.Point) float64 { return q.FVU }, func(e train.EpochStats) float64 { return e.FVU })
	p.Caption = "Share of the variance that is not explained, on the rows of the steps." + curveKey
	return p, err
}

// loss draws the loss over the steps.
func (r Report) loss() (picture, error) {
	p, err := r.curve("loss", func(q job.Point) float64 { return q.Loss }, func(e train.EpochStats) float64 { return e.TrainLoss })
	p.Caption = "What the training makes small, on average over the rows of the steps." + curveKey
	return p, err
}

// dead draws the number of dead latents over the steps.
func (r Report) dead() (picture, error) {
	p, err := r.curve("dead latents", func(q job.Point) float64 { return float64(q.Dead) }, func(e train.EpochStats) float64 { return float64(e.Dead) })
	p.Caption = "Latents that were not active for a while. Line: steps. Dots: ends of epochs."
	return p, err
}

// curveKey says what is drawn in a curve. It stands below: a legend would lie over some curves.
const curveKey = " Line: steps. Dots: means of epochs."

// curve draws a figure over the steps, and at the end of each epoch; on a logarithmic axis where that serves: see finish.
func (r Report) curve(name string, ofPoint func(job.Point) float64, ofEpoch func(train.EpochStats) float64) (picture, error) {
	var steps, epochs plotter.XYs
	for _, q := range r.Points {
		steps = appendFinite(steps, float64(q.Step), ofPoint(q))
	}
	for i, e := range r.Epochs {
		epochs = appendFinite(epochs, float64(r.Steps)*float64(i+1)/float64(len(r.Epochs)), ofEpoch(e))
	}
	p := newPlot("step", name)
	if len(steps) > 0 {
		line, err := plotter.NewLine(steps)
		if err != nil {
			return picture{}, err
		}
		line.Color, line.Width = blue, 1.2
		p.Add(line)
	}
	if len(epochs) > 0 {
		dots, err := plotter.NewScatter(epochs)
		if err != nil {
			return picture{}, err
		}
		dots.GlyphStyle = draw.GlyphStyle{Color: orange, Radius: 2.2, Shape: draw.CircleGlyph{}}
		p.Add(dots)
	}
	if len(steps)+len(epochs) == 0 {
		return picture{}, nil
	}
	finish(&p.Y)
	text, err := svg(p)
	return picture{SVG: text}, err
}

// appendFinite appends a point, unless it has no place in a plot.
func appendFinite(points plotter.XYs, x, y float64) plotter.XYs {
	if math.IsNaN(y) || math.IsInf(y, 0) {
		return points
	}
	return append(points, plotter.XY{X: x, Y: y})
}

// finish makes an axis logarithmic where all its numbers are well above 0 and not all alike, and leaves some room at its
// ends, so that nothing touches them. An axis that begins at 0 still does.
func finish(a *plot.Axis) {
	const room = 0.04
	if a.Min > 1e-100 && a.Max < 1e100 && a.Max > 1.2*a.Min {
		a.Scale, a.Tick.Marker = plot.LogScale{}, ticks.Log{}
		times := math.Pow(a.Max/a.Min, room)
		a.Min, a.Max = a.Min/times, a.Max*times
		return
	}
	more := room * (a.Max - a.Min)
	a.Max += more
	if a.Min != 0 {
		a.Min -= more
	}
}

// density draws how many latents are active in which share of the rows.
func (r Report) density() (picture, error) {
	bars := &plotter.Histogram{FillColor: blue, LineStyle: plotter.DefaultLineStyle}
	bars.LineStyle.Width = 0.25
	for _, b := range r.Figures.Density {
		if b.From < b.To {
			bars.Bins = append(bars.Bins, plotter.HistogramBin{Min: math.Log10(b.From), Max: math.Log10(b.To), Weight: float64(b.Latents)})
		}
	}
	if len(bars.Bins) == 0 {
		return picture{}, nil
	}
	p := newPlot("share of the rows in which a latent is active", "latents")
	p.X.Tick.Marker = powers{}
	p.Add(bars)
	finish(&p.Y)
	text, err := svg(p)
	return picture{Caption: fmt.Sprintf("Density of the latents; %d dead ones are not in it.", r.Figures.Dead), SVG: text}, err
}

// powers writes the powers of ten on an axis of logarithms.
type powers struct{}

// Ticks implements plot.Ticker.
func (powers) Ticks(lo, hi float64) []plot.Tick {
	var ticks []plot.Tick
	for e := math.Ceil(lo - 1e-9); e <= hi+1e-9; e++ {
		ticks = append(ticks, plot.Tick{Value: e, Label: strconv.FormatFloat(math.Pow(10, e), 'g', 3, 64)})
	}
	return ticks
}

// A Run is one training of a sweep, for Frontier.
type Run struct {
	Name    string
	L0, FVU float64
}

// Frontier plots the FVU of trainings against their L0, as an SVG file: those of one name are joined, in the order in which
// they stand. The names stand beside the plot, for curves may go anywhere.
func Frontier(runs []Run) ([]byte, error) {
	p := newPlot("L0: active latents in a row", "FVU on the rows held out")
	beside := plot.NewLegend()
	beside.TextStyle.Font = font.From(sans, 10)
	beside.Top, beside.Padding, beside.XOffs, beside.YOffs = true, 3, -6, -6
	colours := []color.RGBA{blue, orange, {0, 158, 115, 255}, {204, 121, 167, 255}, {230, 159, 0, 255}, {86, 180, 233, 255}, {90, 90, 90, 255}}
	var names []string
	points := make(map[string]plotter.XYs)
	for _, r := range runs {
		if points[r.Name] == nil {
			names = append(names, r.Name)
		}
		points[r.Name] = appendFinite(points[r.Name], r.L0, r.FVU)
	}
	for i, name := range names {
		if len(points[name]) == 0 {
			continue
		}
		line, dots, err := plotter.NewLinePoints(points[name])
		if err != nil {
			return nil, err
		}
		c := colours[i%len(colours)]
		line.Color, line.Width = c, 1.2
		line.Dashes = [][]vg.Length{nil, {6, 3}, {2, 2}}[i/len(colours)%3]
		dots.GlyphStyle = draw.GlyphStyle{Color: c, Radius: 2.5, Shape: draw.CircleGlyph{}}
		p.Add(line, dots)
		beside.Add(name, line, dots)
	}
	finish(&p.X)
	finish(&p.Y)
	picture := vgsvg.New(2*width, 1.5*height)
	c := draw.New(picture)
	c.SetColor(color.White)
	c.Fill(c.Path())
	p.Draw(draw.Crop(c, 0, -beside.Rectangle(c).Size().X-12, 0, 0))
	beside.Draw(c)
	var text bytes.Buffer
	_, err := picture.WriteTo(&text)
	return text.Bytes(), err
}
