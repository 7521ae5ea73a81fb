package main

import (
	"cmp"
	"math"
	"slices"

	"gonum.org/v1/gonum/mat"

	"github.com/ksparse/ksparse"
	"github.com/ksparse/ksparse/data"
)

// theme is a latent and the words that fire it most.
type theme struct {
	latent    int
	words     []int   // rows of the vocabulary, the largest value first
	coherence float64 // how alike their vectors are
}

// themesOf returns the latents with their top words, the most coherent first. It
// leaves out latents that fewer than 2·top words fire, and those that are active more
// than three times as often as the average: a latent that is always active has no theme.
func themesOf(codes *ksparse.Codes, v vocabulary, top int) ([]theme, error) {
	mean, err := data.MeanRow(v.vectors)
	if err != nil {
		return nil, err
	}
	type firing struct {
		word  int
		value float64
	}
	rows, latents := codes.Dims()
	fired, total := make([][]firing, latents), 0
	for i := range rows {
		indices, values := codes.Row(i)
		for t, j := range indices {
			if values[t] > 0 {
				fired[j] = append(fired[j], firing{i, values[t]})
				total++
			}
		}
	}
	var themes []theme
	for j, f := range fired {
		if len(f) < 2*top || len(f)*latents > 3*total {
			continue
		}
		slices.SortStableFunc(f, func(a, b firing) int { return cmp.Compare(b.value, a.value) })
		t := theme{latent: j}
		for _, word := range f[:top] {
			t.words = append(t.words, word.word)
		}
		t.coherence = coherence(t.words, v, mean)
		themes = append(themes, t)
	}
	slices.SortStableFunc(themes, func(a, b theme) int { return cmp.Compare(b.coherence, a.coherence) })
	return themes, nil
}

// coherence returns the mean cosine between two of the words' vectors, less the mean
// vector. For n vectors u of norm 1, |Σu|² is n and twice the cosines of all pairs.
func coherence(words []int, v vocabulary, mean mat.Vector) float64 {
	sum, u := mat.NewVecDense(dims, nil), mat.NewVecDense(dims, nil)
	for _, i := range words {
		u.SubVec(v.vectors.RowView(i), mean)
		sum.AddScaledVec(sum, 1/mat.Norm(u, 2), u)
	}
	n := float64(len(words))
	return (math.Pow(mat.Norm(sum, 2), 2) - n) / (n * (n - 1))
}

// different returns the first n themes that have no word in common.
func different(themes []theme, n int) []theme {
	var chosen []theme
	taken := make(map[int]bool)
	for _, t := range themes {
		if len(chosen) == n {
			break
		}
		if slices.ContainsFunc(t.words, func(i int) bool { return taken[i] }) {
			continue
		}
		chosen = append(chosen, t)
		for _, i := range t.words {
			taken[i] = true
		}
	}
	return chosen
}
