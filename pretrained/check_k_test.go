package pretrained_test

import (
	"strings"
	"testing"

	"github.com/ksparse/ksparse"
	"github.com/ksparse/ksparse/data"
)

// TestCheckOtherThresholds: the file's k is none of thresholds that are not the file's.
func TestCheckOtherThresholds(t *testing.T) {
	for _, opened := range []ksparse.Selection{ksparse.SelectTopK, ksparse.SelectBatchTopK} {
		for name, change := range map[string]func(*ksparse.Network, *ksparse.SparseLayer, data.Source) error{
			"calibrated": func(n *ksparse.Network, _ *ksparse.SparseLayer, x data.Source) error {
				_, err := n.Calibrate(x, 12)
				return err
			},
			"thresholds": func(_ *ksparse.Network, l *ksparse.SparseLayer, _ data.Source) error {
				if err := l.SetSelection(ksparse.SelectBatchTopK); err != nil {
					return err
				}
				return l.SetThresholds(0.01)
			},
			"selection": func(_ *ksparse.Network, l *ksparse.SparseLayer, _ data.Source) error {
				if err := l.SetSelection(ksparse.SelectThreshold); err != nil {
					return err
				}
				return l.SetThresholds(0.02)
			},
		} {
			m, x := dictionary(t, func(cfg *ksparse.Config) {
				if cfg.Selection = opened; opened == ksparse.SelectBatchTopK {
					cfg.Thresholds = same(cfg.Encoder.Rows, 2.5)
				}
			})
			if f, problems := checked(t, m, x); f.K != 2 {
				t.Errorf("%v as opened: k = %v\n%s", opened, f.K, problems)
			}
			src, err := data.FromMatrix(x)
			if err != nil {
				t.Fatal(err)
			}
			if err := change(m.Network, m.Layers()[0].(*ksparse.SparseLayer), src); err != nil {
				t.Fatal(err)
			}
			if f, problems := checked(t, m, x); f.K != 0 || strings.Contains(problems, "declared") {
				t.Errorf("%v, %s: k = %v, L0 %v\n%s", opened, name, f.K, f.L0, problems)
			}
		}
	}
}
