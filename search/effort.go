package search

import "math"

// rung is an effort that finds a share of the nearest rows.
type rung struct {
	recall            float64
	terms, candidates int
}

// ladder is efforts for higher and higher recalls, and the number of rows for which they are right: with other numbers of
// rows candidates are as large a share of them.
type ladder struct {
	rungs []rung
	rows  int
}

// The ladders that hold until Calibrate has measured one: 300,000 word vectors of 100 numbers in 4096 latents, of which 16
// are active, and as many rows of 768 numbers in 16,384 latents, of which 32 are active.
var (
	ladderAtoms = ladder{rows: 300_000, rungs: []rung{
		{0.6, 8, 600}, {0.7, 12, 800}, {0.8, 24, 1200}, {0.85, 32, 1800}, {0.9, 48, 2300}, {0.95, 64, 4500}, {0.98, 96, 9000}, {0.99, 128, 14500},
	}}
	ladderCode = ladder{rows: 300_000, rungs: []rung{
		{0.8, 4, 300}, {0.85, 6, 300}, {0.9, 8, 600}, {0.95, 12, 1200}, {0.97, 12, 3000}, {0.98, 16, 5000}, {0.99, 32, 12000},
	}}
)

// What a search does at least, whatever the number of rows.
const (
	usualRecall     = 0.95
	usualK          = 10 // for which efforts are measured
	leastCandidates = 100
	leastFinalists  = 30
)

// effort returns the effort for a recall of the k nearest of so many rows. Above the last rung that is to compare all rows in float32.
func (l *ladder) effort(recall float64, k, rows int) effort {
	if recall == 0 {
		recall = usualRecall
	}
	for _, r := range l.rungs {
		if r.recall >= recall {
			return r.at(l.rows, k, rows)
		}
	}
	return effort{candidates: rows, finalists: rows}
}

// reaches returns the largest recall for which not all rows are compared.
func (l *ladder) reaches() float64 {
	if len(l.rungs) == 0 {
		return 0
	}
	return l.rungs[len(l.rungs)-1].recall
}

// at returns the effort of a rung for k rows of so many, where it was measured with measured rows.
func (r rung) at(measured, k, rows int) effort {
	more := max(1, float64(k)/usualK)
	finalists := int(leastFinalists * more)
	c := min(float64(rows), math.Ceil(more*float64(r.candidates)*float64(rows)/float64(measured)))
	return effort{terms: r.terms, candidates: max(int(c), leastCandidates, finalists), finalists: finalists}
}
