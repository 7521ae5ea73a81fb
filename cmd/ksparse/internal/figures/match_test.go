package figures

import "testing"

// TestCosineBins: the ends count.
func TestCosineBins(t *testing.T) {
	bins := CosineBins([]Match{{0, -0.5}, {0, 0}, {0, 0.25}, {0, 1}})
	if bins[0].Latents != 2 || bins[2].Latents != 1 || bins[9].Latents != 1 || bins[9].To != 1 {
		t.Errorf("%v", bins)
	}
}
