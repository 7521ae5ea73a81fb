package main

import (
	"bytes"
	"cmp"
	"fmt"
	"image"
	"image/color"
	stddraw "image/draw"
	"image/png"
	"math"
	"path/filepath"
	"slices"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/font"
	"gonum.org/v1/plot/text"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
	"gonum.org/v1/plot/vg/vgimg"

	"github.com/ksparse/ksparse/examples/mnistdata"
	"github.com/ksparse/ksparse/examples/program"
)

// drawPictures writes every picture of the results to the folder dir.
func drawPictures(dir string, test mnistdata.Set, results []*result) error {
	if err := drawReconstructions(filepath.Join(dir, "reconstructions.png"), test, results); err != nil {
		return err
	}
	for _, r := range results {
		if err := drawAtoms(filepath.Join(dir, fmt.Sprintf("atoms-k%d.png", r.k)), r); err != nil {
			return err
		}
	}
	if err := plotCurves(filepath.Join(dir, "training.png"), results); err != nil {
		return err
	}
	return plotFrequencies(filepath.Join(dir, "frequencies.png"), results)
}

// drawReconstructions shows one test digit of each kind in the top row, and
// below it the reconstruction of each network from k numbers.
func drawReconstructions(path string, test mnistdata.Set, results []*result) error {
	const scale, gap, left, top = 3, 6, 140, 64
	const cell = scale*mnistdata.Side + gap

	var columns []int
	for digit := range 10 {
		if i := slices.Index(test.Labels, digit); i >= 0 {
			columns = append(columns, i)
		}
	}
	s := newSheet(left+len(columns)*cell+gap, top+(1+len(results))*cell+gap)
	s.write(left, 34, 20, "Test digits and what is left of them in k of 100 numbers")

	s.write(16, top+cell/2, 17, "original")
	for c, i := range columns {
		s.tile(left+c*cell, top, scale, test.Images.RawRowView(i), ink)
	}
	for n, r := range results {
		y := top + (n+1)*cell
		s.write(16, y+cell/2-6, 17, fmt.Sprintf("k = %d", r.k))
		s.write(16, y+cell/2+14, 13, fmt.Sprintf("MSE %.4f", r.mse))
		for c, i := range columns {
			s.tile(left+c*cell, y, scale, r.rebuilt.RawRowView(i), ink)
		}
	}
	return s.save(path)
}

// drawAtoms shows what each latent adds to a picture: the rows of the
// decoder's weights. The latent that is active most often comes first.
func drawAtoms(path string, r *result) error {
	const scale, gap, columns, margin, top = 2, 4, 10, 20, 86
	const cell = scale*mnistdata.Side + gap

	layers := r.net.Layers()
	atoms := layers[len(layers)-1].Weights()
	order := make([]int, len(r.frequency))
	for j := range order {
		order[j] = j
	}
	slices.SortStableFunc(order, func(a, b int) int { return cmp.Compare(r.frequency[b], r.frequency[a]) })

	rows := (len(order) + columns - 1) / columns
	s := newSheet(2*margin+columns*cell-gap, top+rows*cell-gap+margin)
	s.write(margin, 34, 20, fmt.Sprintf("Dictionary atoms for k = %d", r.k))
	s.write(margin, 58, 13, "The most used first. Red adds ink, blue takes it away, grey is a dead latent; each has its own scale.")
	for n, j := range order {
		paint := signed
		if r.frequency[j] == 0 {
			paint = grey
		}
		atom := atoms.RawRowView(j)
		full := strength(atom)
		s.tile(margin+n%columns*cell, top+n/columns*cell, scale, atom, func(w float64) color.Color {
			return paint(min(max(w/full, -1), 1))
		})
	}
	return s.save(path)
}

// strength returns the size of weight that gets the full colour: one that only 1 in 50
// exceeds, because a few pixels at the edge of the ink have by far the largest weights.
func strength(atom []float64) float64 {
	sizes := make([]float64, len(atom))
	for i, w := range atom {
		sizes[i] = math.Abs(w)
	}
	slices.Sort(sizes)
	return max(sizes[len(sizes)*49/50], 1e-12) // a dead atom may be all zeros
}

// ink paints 0 white and 1 black.
func ink(v float64) color.Color {
	return color.Gray{Y: uint8(math.Round(255 * (1 - min(max(v, 0), 1))))}
}

// signed paints -1 blue, 0 white and 1 red.
func signed(v float64) color.Color {
	fade := func(full uint8) uint8 { return uint8(math.Round(255 - math.Abs(v)*float64(255-full))) }
	if v < 0 {
		return color.RGBA{fade(33), fade(102), fade(172), 255}
	}
	return color.RGBA{fade(178), fade(24), fade(43), 255}
}

// grey paints -1 dark, 0 light and 1 white.
func grey(v float64) color.Color { return color.Gray{Y: uint8(math.Round(215 + 40*v))} }

// sheet is a white picture measured in pixels from its top left corner.
type sheet struct {
	canvas draw.Canvas
	image  stddraw.Image
}

// newSheet returns an empty sheet of that size.
func newSheet(width, height int) *sheet {
	// At 72 dots per inch, one of vg's points is one pixel.
	c := vgimg.NewWith(vgimg.UseWH(vg.Length(width), vg.Length(height)), vgimg.UseDPI(72))
	return &sheet{draw.New(c), c.Image()}
}

// write writes a line of text that begins at x. Its middle is at height y.
func (s *sheet) write(x, y int, size vg.Length, line string) {
	s.canvas.FillText(text.Style{
		Color:   color.Gray{Y: 40},
		Font:    font.From(sans, size),
		YAlign:  draw.YCenter,
		Handler: plot.DefaultTextHandler,
	}, vg.Point{X: vg.Length(x), Y: s.canvas.Max.Y - vg.Length(y)}, line)
}

// tile draws one 28 x 28 image, each value a square of scale pixels, in a
// thin frame.
func (s *sheet) tile(x, y, scale int, values []float64, paint func(float64) color.Color) {
	fill := func(r image.Rectangle, c color.Color) {
		stddraw.Draw(s.image, r, image.NewUniform(c), image.Point{}, stddraw.Src)
	}
	side := scale * mnistdata.Side
	fill(image.Rect(x-1, y-1, x+side+1, y+side+1), color.Gray{Y: 205})
	for i, v := range values {
		px, py := x+i%mnistdata.Side*scale, y+i/mnistdata.Side*scale
		fill(image.Rect(px, py, px+scale, py+scale), paint(v))
	}
}

// save writes the sheet to a PNG file.
func (s *sheet) save(path string) error {
	var file bytes.Buffer
	if err := png.Encode(&file, s.image); err != nil {
		return err
	}
	return program.WriteFile(path, file.Bytes())
}
