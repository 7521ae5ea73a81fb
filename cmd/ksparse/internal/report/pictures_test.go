package report

import (
	"bytes"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"math"
	"strings"
	"testing"
)

// TestFrontier: a picture with all names that have a point, whatever the numbers are.
func TestFrontier(t *testing.T) {
	var many []Run
	for i := range 25 {
		many = append(many, Run{fmt.Sprintf("name %d.", i), float64(i + 1), 1 / float64(i+1)}, Run{fmt.Sprintf("name %d.", i), 2, 0.5})
	}
	for what, runs := range map[string][]Run{
		"none": nil, "one": {{"name 0.", 5, 0.1}}, "many": many,
		"no error":   {{"name 0.", 5, 0}, {"name 0.", 6, 0}},
		"all alike":  {{"name 0.", 5, 0.1}, {"name 1.", 5, 0.1}},
		"not finite": {{"name 0.", 5, math.NaN()}, {"name 1.", 5, 0.1}, {"name 2.", 3, math.Inf(1)}},
		"far apart":  {{"name 0.", 1, 1e-300}, {"name 1.", 1e6, 1e300}},
	} {
		svg, err := Frontier(runs)
		if err != nil {
			t.Fatalf("%s: %v", what, err)
		}
		for d := xml.NewDecoder(bytes.NewReader(svg)); ; {
			if _, err := d.Token(); errors.Is(err, io.EOF) {
				break
			} else if err != nil {
				t.Fatalf("%s: %v", what, err)
			}
		}
		if strings.Contains(string(svg), "NaN") || strings.Contains(string(svg), "Inf") {
			t.Errorf("%s: the picture has a place that is no number", what)
		}
		for _, r := range runs {
			if has, want := strings.Contains(string(svg), ">"+r.Name+"<"), !math.IsNaN(r.FVU) && !math.IsInf(r.FVU, 0); has != want {
				t.Errorf("%s: %s is there: %v", what, r.Name, has)
			}
		}
	}
}
