package figures

import (
	"math"

	"gonum.org/v1/gonum/floats"
	"gonum.org/v1/gonum/mat"

	"github.com/ksparse/ksparse"
)

// Match is the atom of another dictionary that is most like an atom.
type Match struct {
	Latent int     `json:"latent"` // of the other dictionary
	Cosine float64 `json:"cosine"`
}

// Matches returns for each atom, a row of a, the row of b with the largest cosine. Cosines are signed; that with an
// atom of zeros is 0. Both have rows of one width.
func Matches(a, b ksparse.Weights) []Match {
	const panel = 512 // rows at a time
	best := make([]Match, a.Rows)
	for i := range best {
		best[i].Cosine = math.Inf(-1)
	}
	for i := 0; i < a.Rows; i += panel {
		left := unit(a, i, min(panel, a.Rows-i))
		for j := 0; j < b.Rows; j += panel {
			right := unit(b, j, min(panel, b.Rows-j))
			var products mat.Dense
			products.Mul(left, right.T())
			n, _ := products.Dims()
			for r := range n {
				row := products.RawRowView(r)
				if at := floats.MaxIdx(row); row[at] > best[i+r].Cosine {
					best[i+r] = Match{j + at, min(row[at], 1)}
				}
			}
		}
	}
	return best
}

// unit returns n rows of w, from one on, scaled to norm 1. Their squares cannot overflow.
func unit(w ksparse.Weights, from, n int) *mat.Dense {
	rows := mat.NewDense(n, w.Cols, nil)
	numbers := rows.RawMatrix().Data
	for i := range numbers {
		if at := from*w.Cols + i; w.Float32 != nil {
			numbers[i] = float64(w.Float32[at])
		} else {
			numbers[i] = w.Float64[at]
		}
	}
	for i := range n {
		row := rows.RawRowView(i)
		if largest := floats.Norm(row, math.Inf(1)); largest > 0 {
			for j := range row {
				row[j] /= largest
			}
			floats.Scale(1/floats.Norm(row, 2), row)
		}
	}
	return rows
}

// CosineBins counts the matches by their cosine, in ten bins from 0 to 1; those below 0 are in the first.
func CosineBins(matches []Match) []Bin {
	bins := make([]Bin, 10)
	for i := range bins {
		bins[i].From, bins[i].To = float64(i)/10, float64(i+1)/10
	}
	for _, m := range matches {
		bins[max(0, min(9, int(m.Cosine*10)))].Latents++
	}
	return bins
}
