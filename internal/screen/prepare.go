package screen

import (
	"math"

	"github.com/ksparse/ksparse/internal/kernel"
)

// prepared is what all blocks of a call have in common, besides its request.
type prepared struct {
	biases   *biases
	summary  *summary
	outliers *outliers
	middle   *middle // or nil
	groups   int     // of panels: each group has lane maxima of its own
	room     int     // for candidates of a row
}

// A row with more candidates than leastList, than latents/tooMany and than 4k is
// left to the float64 path.
const leastList = 1024

// prepare sets p for r. It returns false where no row of r can be screened.
func (p *prepared) prepare(r *request) bool {
	packed := r.packed
	if !r.f.bounded() || !packed.watcher.admit(packed.Always) {
		return false
	}
	p.summary, p.biases = packed.summarize(), &packed.biases
	if !p.summary.usable || r.x.Rows == 0 {
		return false
	}
	if r.threshold != nil {
		p.biases = packed.biasesAbove(r.bias, r.threshold)
	}
	if !(p.biases.magnitude <= math.MaxFloat64) {
		return false
	}
	if r.x.Rows >= fewSamples {
		packed.findOutliers(r.x, r.w)
	}
	p.outliers = packed.outliers.Load()
	if p.outliers == nil {
		p.outliers = &noOutliers
	}
	p.middle = packed.middle.Load()
	// Four times as many maxima as k make their k-th largest nearly as good a
	// threshold as the k-th largest code. (EncodeAbove, where k is 0, needs none.)
	p.groups = 1
	for p.groups*kernel.ScreenLatents < 4*r.k {
		p.groups *= 2
	}
	p.groups = min(p.groups, packed.panels)
	// A power of two would put the lists of all rows in one set of the cache.
	p.room = min(packed.latents, max(leastList, packed.latents/tooMany, 4*r.k)) | 8
	return true
}

// share divides the panels into more groups where the workers have too few to share.
func (p *prepared) share(workers, panels int) {
	p.groups = min(panels, max(p.groups, 4*workers))
}
