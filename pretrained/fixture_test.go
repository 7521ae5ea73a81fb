package pretrained_test

import (
	"encoding/json"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"gonum.org/v1/gonum/mat"

	"github.com/ksparse/ksparse"
	"github.com/ksparse/ksparse/pretrained"
)

// fixture is what expected.json of a folder of testdata holds: files that were made
// in each format, with codes and reconstructions that another program computed in
// float64 from the stored weights by the project's own formulas.
type fixture struct {
	folder string // from here
	Format string
	Model  struct {
		Kind         string
		DIn          int `json:"d_in"`
		Latents      int
		K            *float64
		Normalize    string
		SubtractBDec bool `json:"subtract_b_dec"`
		Tied         bool
		Skip         bool
		Threshold    any
		Folder       string
		GroupSizes   []int `json:"group_sizes"`
	}
	result
	Other struct {
		Folder string
		result
	}
	Hookpoint string // for Options
	Prefix    struct {
		Latents        int
		Reconstruction [][]float64
	}
	CodeByThreshold [][]float64 `json:"code_by_threshold"`
}

// result is what a model makes of rows.
type result struct {
	Input          [][]float64
	Code           [][]float64
	Indices        [][]int
	Reconstruction [][]float64
}

// fixtures returns all of testdata and testdata/more.
func fixtures(t testing.TB) []fixture {
	t.Helper()
	paths, err := filepath.Glob("testdata/*/expected.json")
	if err != nil || len(paths) < 40 {
		t.Fatalf("%d fixtures in testdata (%v)", len(paths), err)
	}
	more, err := filepath.Glob("testdata/more/*/expected.json") // made by testdata/more.py
	if err != nil || len(more) < 20 {
		t.Fatalf("%d fixtures in testdata/more (%v)", len(more), err)
	}
	paths = append(paths, more...)
	var out []fixture
	for _, path := range paths {
		if strings.Contains(path, "container_") {
			continue
		}
		out = append(out, readFixture(t, filepath.Dir(path)))
	}
	return out
}

// readFixture reads expected.json of a folder.
func readFixture(t testing.TB, folder string) fixture {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(folder, "expected.json"))
	if err != nil {
		t.Fatal(err)
	}
	f := fixture{folder: folder}
	if err := json.Unmarshal(text, &f); err != nil {
		t.Fatal(err)
	}
	return f
}

func (f fixture) name() string { return strings.TrimPrefix(filepath.ToSlash(f.folder), "testdata/") }

// options are what a caller has to say to open the fixture.
func (f fixture) options() pretrained.Options {
	var o pretrained.Options
	switch {
	case f.Model.Normalize == "expected_average_only_in" || strings.HasSuffix(f.folder, "expected_average_only_in"):
		o.Scale = 1
	case f.Model.Kind == "batchtopk" && f.Model.Threshold == nil:
		o.Unset = true
	}
	if f.name() == "more/csr_defaults_normalize" { // has no k, which is never assumed
		o.K = 8
	}
	o.Hookpoint = f.Hookpoint
	if f.Other.Folder != "" {
		o.Hookpoint = f.Model.Folder
	}
	return o
}

// path is what a caller opens.
func (f fixture) path() string {
	if f.name() == "hf_cache_layout" {
		return filepath.Join(f.folder, "hub", "models--acme--sae-tiny")
	}
	return f.folder
}

// open opens the fixture.
func (f fixture) open(t testing.TB) *pretrained.Model {
	t.Helper()
	m, err := pretrained.Open(f.path(), f.options())
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// rows makes a matrix.
func rows(x [][]float64) *mat.Dense {
	m := mat.NewDense(len(x), len(x[0]), nil)
	for i, r := range x {
		m.SetRow(i, r)
	}
	return m
}

// codesOf encodes; where the file has no threshold it is the batch's choice.
func codesOf(t testing.TB, m *pretrained.Model, x mat.Matrix, whole bool) *ksparse.Codes {
	t.Helper()
	if whole {
		m.Widen()
		p, err := m.Forward(x)
		if err != nil {
			t.Fatal(err)
		}
		return selected(t, p.Mask(0), p.LayerOutput(0))
	}
	c, err := m.Encode(x)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// selected returns the codes that have the values of out where mask selects.
func selected(t testing.TB, mask *ksparse.Mask, out *mat.Dense) *ksparse.Codes {
	t.Helper()
	rows, latents := out.Dims()
	indices, values := make([][]int32, rows), make([][]float64, rows)
	for i := range rows {
		indices[i] = mask.Row(i)
		for _, j := range indices[i] {
			values[i] = append(values[i], out.At(i, int(j)))
		}
	}
	c, err := ksparse.NewCodes(latents, indices, values)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// checkResult compares with what is expected: the same latents, and values within
// 1e-9 of the largest in the row.
func checkResult(t *testing.T, m *pretrained.Model, want result, whole bool) {
	t.Helper()
	x := rows(want.Input)
	codes := codesOf(t, m, x, whole)
	checkCodes(t, codes, want.Code, want.Indices)
	if want.Reconstruction == nil {
		if _, err := m.Decode(codes); err == nil {
			t.Error("a model without a decoder decodes")
		}
		return
	}
	if whole {
		p, err := m.Forward(x)
		if err != nil {
			t.Fatal(err)
		}
		checkRows(t, "output", p.Output(), want.Reconstruction)
		return
	}
	out, err := m.Predict(x)
	if err != nil {
		t.Fatal(err)
	}
	checkRows(t, "reconstruction", out, want.Reconstruction)
}

// checkCodes compares codes with their dense form and with the latents of each row that
// are not zero.
func checkCodes(t *testing.T, got *ksparse.Codes, want [][]float64, indices [][]int) {
	t.Helper()
	checkRows(t, "code", got, want)
	for i := range indices {
		var active []int
		idx, val := got.Row(i)
		for e, j := range idx {
			if val[e] != 0 {
				active = append(active, int(j))
			}
		}
		if len(active) != len(indices[i]) {
			t.Errorf("row %d: latents %v, want %v", i, active, indices[i])
			continue
		}
		for e, j := range indices[i] {
			if active[e] != j {
				t.Errorf("row %d: latents %v, want %v", i, active, indices[i])
				break
			}
		}
	}
}

// checkRows compares numbers as checkResult says.
func checkRows(t *testing.T, what string, got mat.Matrix, want [][]float64) {
	t.Helper()
	if r, c := got.Dims(); r != len(want) || c != len(want[0]) {
		t.Errorf("%s is %d x %d, want %d x %d", what, r, c, len(want), len(want[0]))
		return
	}
	for i, row := range want {
		scale := 0.0
		for _, v := range row {
			scale = max(scale, math.Abs(v))
		}
		for j, v := range row {
			if g := got.At(i, j); !(math.Abs(g-v) <= 1e-9*max(math.Abs(v), scale*1e-3)) {
				t.Errorf("%s: row %d, column %d is %v, want %v", what, i, j, g, v)
				return
			}
		}
	}
}

// TestFixtures opens each fixture and compares Info, codes and outputs.
func TestFixtures(t *testing.T) {
	for _, f := range fixtures(t) {
		t.Run(f.name(), func(t *testing.T) {
			m := f.open(t)
			checkResult(t, m, f.result, f.options().Unset)
			if m.Info.Inputs != f.Model.DIn || m.Info.Latents != f.Model.Latents {
				t.Errorf("Info says %d inputs and %d latents, want %d and %d", m.Info.Inputs, m.Info.Latents, f.Model.DIn, f.Model.Latents)
			}
			if f.Model.K != nil && m.Info.K != *f.Model.K && f.Model.Kind != "jumprelu" {
				t.Errorf("Info says k = %v, want %v", m.Info.K, *f.Model.K)
			}
			if m.Info.Tied != f.Model.Tied || m.Info.Skip != f.Model.Skip || m.Info.PreBias != f.Model.SubtractBDec {
				t.Errorf("Info: %+v; want %+v", m.Info, f.Model)
			}
			if f.Model.GroupSizes != nil && len(m.Info.Groups) != len(f.Model.GroupSizes) {
				t.Errorf("groups %v, want %v", m.Info.Groups, f.Model.GroupSizes)
			}
		})
	}
}
