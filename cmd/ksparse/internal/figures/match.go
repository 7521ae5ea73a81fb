package figures

import (
	"github.com/ksparse/ksparse"
	"github.com/ksparse/ksparse/measure"
)

// Match is the atom of another dictionary that is most like an atom.
type Match struct {
	Latent int     `json:"latent"` // of the other dictionary
	Cosine float64 `json:"cosine"`
}

// Matches returns measure.Matches for JSON.
func Matches(a, b ksparse.Weights) ([]Match, error) {
	found, err := measure.Matches(a, b)
	all := make([]Match, len(found))
	for i, m := range found {
		all[i] = Match(m)
	}
	return all, err
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
