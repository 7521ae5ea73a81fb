package measure_test

import (
	"errors"
	"math"
	"math/rand/v2"
	"reflect"
	"runtime"
	"testing"

	"github.com/ksparse/ksparse"
	"github.com/ksparse/ksparse/data"
	"github.com/ksparse/ksparse/measure"
	"gonum.org/v1/gonum/mat"
)

func TestEvaluateByHand(t *testing.T) {
	net := autoencoder(t, 2, 4, 1, ksparse.ReLU)
	// Latent 0 never fires, but the row of zeros selects it, as the lowest of four zeros.
	net.Layers()[0].Weights().Copy(mat.NewDense(4, 2, []float64{0, 0, 1, 0, 0, 1, -1, -1}))
	net.Layers()[1].Weights().Copy(mat.NewDense(4, 2, []float64{7, 7, 1, 0, 0, 0.5, 0, 0}))
	x := mat.NewDense(5, 2, []float64{ // x̂ and x̂-x:
		3, 1, //      (3, 0)     (0, -1)
		1, 2, //      (0, 1)     (-1, -1)
		-1, -1, //    (0, 0)     (1, 1)
		0, 0, //      (0, 0)     (0, 0): left out of what divides by |x|
		0.75, 0.5, // (0.75, 0)  (0, -0.5): the mean row, left out of what divides by |x-x̄|
	})
	got := evaluate(t, net, x)
	// |x-x̄|² is 5.3125, 2.3125, 5.3125, 0.8125 and 0, together 13.75. The residual's
	// mean is (0, -0.3), its squares 2 and 3.25.
	want := &measure.Report{
		Rows: 5, Inputs: 2, Latents: 4,
		MSE:                      5.25 / 10,
		FVU:                      5.25 / 13.75,
		NormalizedMSE:            (1.0/10 + 2.0/5 + 2.0/2 + 0.25/0.8125) / 4,
		CentredExplainedVariance: 1 - (2+3.25-5*0.3*0.3)/13.75,
		RowExplainedVariance:     1 - (1/5.3125+2/2.3125+2/5.3125+0)/4,
		CosineSimilarity:         (3/math.Sqrt(10) + 2/math.Sqrt(5) + 0 + 0.75/math.Sqrt(0.8125)) / 4,
		L2Ratio:                  (3/math.Sqrt(10) + 1/math.Sqrt(5) + 0 + 0.75/math.Sqrt(0.8125)) / 4,
		ReconstructionBias:       (9 + 1 + 0.5625) / (9 + 2 + 0.5625),
		ZeroRows:                 1, MeanRows: 1,
		L0:        0.8,
		Frequency: []float64{0, 0.4, 0.2, 0.2},
		Dead:      []int{0},
	}
	compareReports(t, got, want, 1e-15)
}

// compareReports allows figures of reconstruction to be off by tolerance times
// the wanted figure, or 1 where that is less; the rest must be equal.
func compareReports(t *testing.T, got, want *measure.Report, tolerance float64) {
	t.Helper()
	g, w := reflect.ValueOf(got).Elem(), reflect.ValueOf(want).Elem()
	for i := range g.NumField() {
		name := g.Type().Field(i).Name
		if g.Field(i).Kind() != reflect.Float64 || name == "L0" {
			if !reflect.DeepEqual(g.Field(i).Interface(), w.Field(i).Interface()) {
				t.Errorf("%s is %v, want %v", name, g.Field(i), w.Field(i))
			}
			continue
		}
		a, b := g.Field(i).Float(), w.Field(i).Float()
		if !(math.Abs(a-b) <= tolerance*max(1, math.Abs(b))) {
			t.Errorf("%s is %v, want %v", name, a, b)
		}
	}
}

// plainReport computes the figures of reconstruction from their definitions, in
// two passes over rows in memory.
func plainReport(x, out *mat.Dense) *measure.Report {
	rows, cols := x.Dims()
	column := func(f func(i, j int) float64) []float64 { // means
		m := make([]float64, cols)
		for j := range m {
			for i := range rows {
				m[j] += f(i, j) / float64(rows)
			}
		}
		return m
	}
	mean := column(x.At)
	residual := func(i, j int) float64 { return x.At(i, j) - out.At(i, j) }
	residualMean := column(residual)
	r := &measure.Report{Rows: rows, Inputs: cols}
	var all, variance, residualVariance, outs, products float64
	for i := range rows {
		var e, xx, oo, xo, c float64
		for j := range cols {
			a, b := x.At(i, j), out.At(i, j)
			e, xx, oo, xo, c = e+(a-b)*(a-b), xx+a*a, oo+b*b, xo+a*b, c+(a-mean[j])*(a-mean[j])
			d := residual(i, j) - residualMean[j]
			residualVariance += d * d
		}
		all, variance, outs, products = all+e, variance+c, outs+oo, products+xo
		r.NormalizedMSE += e / xx / float64(rows)
		r.RowExplainedVariance += (1 - e/c) / float64(rows)
		r.CosineSimilarity += xo / math.Sqrt(xx*oo) / float64(rows)
		r.L2Ratio += math.Sqrt(oo/xx) / float64(rows)
	}
	r.MSE, r.FVU = all/float64(rows*cols), all/variance
	r.CentredExplainedVariance = 1 - residualVariance/variance
	r.ReconstructionBias = outs / products
	return r
}

// TestEvaluateAgreesWithPlain compares with the definitions, and with the metrics
// of matrices, on three chunks of rows whose means differ: a figure that took the
// mean of a batch for that of the data would be far off, as would others that
// public projects have had.
func TestEvaluateAgreesWithPlain(t *testing.T) {
	const rows, cols = 2500, 300
	rng := rand.New(rand.NewPCG(3, 4))
	x := normal(rng, rows, cols)
	for i := range rows {
		for j, row := 0, x.RawRowView(i); j < cols; j++ {
			row[j] += 1.5 * float64(i/1024) * math.Sin(float64(j))
		}
	}
	net := autoencoder(t, cols, 500, 20, ksparse.ReLU)
	train(t, net, x)
	got := evaluate(t, net, x)
	out, err := net.Predict(x)
	if err != nil {
		t.Fatal(err)
	}
	codes, err := net.Encode(x)
	if err != nil {
		t.Fatal(err)
	}
	want := plainReport(x, out)
	want.Latents, want.L0, want.Frequency, want.Dead = 500, codes.L0(), codes.Frequency(), never(codes.Frequency())
	// Sums of 750,000 terms, most in one order or another: some 1e-13.
	compareReports(t, got, want, 1e-12)
	if fvu, err := ksparse.FVU(out, x); err != nil || fvu != got.FVU {
		t.Errorf("FVU(Predict(x), x) is %v, %v, Evaluate's is %v: not the same bits", fvu, err, got.FVU)
	}

	for name, wrong := range mistakenFigures(x, out) {
		if math.Abs(got.FVU-wrong) < 0.05*wrong {
			t.Errorf("FVU is %v, which is that of %s", got.FVU, name)
		}
	}
}

// mistakenFigures are what public code has called the unexplained share of
// variance, as the reference describes it.
func mistakenFigures(x, out *mat.Dense) map[string]float64 {
	rows, cols := x.Dims()
	squares := make([]float64, cols)
	var all, total, batchwise float64
	for lo := 0; lo < rows; lo += 1024 {
		hi := min(lo+1024, rows)
		r := plainReport(x.Slice(lo, hi, 0, cols).(*mat.Dense), out.Slice(lo, hi, 0, cols).(*mat.Dense))
		batchwise += r.FVU * float64(hi-lo) / float64(rows)
		all += r.MSE * float64((hi-lo)*cols) / float64(rows)
	}
	for i := range rows {
		for j := range cols {
			squares[j] += x.At(i, j) * x.At(i, j) / float64(rows)
			total += x.At(i, j) * x.At(i, j) / float64(rows)
		}
	}
	for _, s := range squares {
		total -= s * s
	}
	return map[string]float64{
		"the mean of each batch (sparsify)":           batchwise,
		"E[x²]² in the place of E[x]² (SAELens 6.18)": all / total,
	}
}

// TestEvaluateCentredIsNotFVU: a reconstruction that is wrong by the same vector
// in every row is perfect after centring, and only then.
func TestEvaluateCentredIsNotFVU(t *testing.T) {
	net := autoencoder(t, 3, 3, 3, ksparse.Identity)
	for _, l := range net.Layers() {
		l.Weights().Copy(mat.NewDense(3, 3, []float64{1, 0, 0, 0, 1, 0, 0, 0, 1}))
	}
	net.Layers()[1].Biases().SetVec(1, 4)
	x := mat.NewDense(4, 3, []float64{1, 2, 3, 3, 2, 1, 0, 1, 0, 0, 3, 0})
	r := evaluate(t, net, x)
	// Σ|x-x̄|² is 6 + 2 + 6 = 14; each row is off by 16.
	if r.CentredExplainedVariance != 1 || r.FVU != 64.0/14 {
		t.Errorf("centred %v and FVU %v, want 1 and 64/14", r.CentredExplainedVariance, r.FVU)
	}
}

// TestEvaluateWithALargeMean: the variance of data around a million is of the
// order of 1e-5. In E[x²]-E[x]² nothing is left of it.
func TestEvaluateWithALargeMean(t *testing.T) {
	const rows, cols, unit = 3000, 4, 1.0 / 1024
	rng := rand.New(rand.NewPCG(8, 9))
	x := mat.NewDense(rows, cols, nil)
	var sums, squares [cols]int // of the data in units above a million: exact
	mean, meanSquare := 0.0, 0.0
	for i := range rows {
		for j := range cols {
			m := rng.IntN(17) - 8
			sums[j] += m
			squares[j] += m * m
			v := 1e6 + float64(m)*unit
			x.Set(i, j, v)
			mean += v / (rows * cols)
			meanSquare += v * v / (rows * cols)
		}
	}
	variance, errors := 0.0, 0.0
	for j := range cols {
		variance += float64(squares[j]) - float64(sums[j]*sums[j])/rows
		errors += float64(squares[j])
	}
	net := autoencoder(t, cols, 6, 2, ksparse.ReLU)
	net.Layers()[1].Weights().Zero()
	for _, bias := range []float64{1e6, 0} { // x̂ is bias in each column
		for j := range cols {
			net.Layers()[1].Biases().SetVec(j, bias)
		}
		r := evaluate(t, net, x)
		want := errors / variance
		if bias == 0 {
			want = rows * cols * meanSquare / (variance * unit * unit)
		}
		// The mean row is known to 1e6·2⁻⁵³, 1e-7 of the deviations, and the error of
		// Σ(x-x̄)² has the square of that; the rest is the rounding of sums.
		if math.Abs(r.FVU-want) > 1e-11*want {
			t.Errorf("x̂ = %v: FVU is %v, want %v", bias, r.FVU, want)
		}
		if math.Abs(r.CentredExplainedVariance) > 1e-9 {
			t.Errorf("x̂ = %v: a constant explains a share of %v, want 0", bias, r.CentredExplainedVariance)
		}
	}
	if naive := (meanSquare - mean*mean) * rows * cols / (unit * unit); math.Abs(naive-variance) < 0.01*variance {
		t.Errorf("E[x²]-E[x]² gives %v for %v: this test has become too easy", naive, variance)
	}
}

// TestEvaluateIsOfPredictAndEncode: whatever a network does to rows on the way in
// and out, and selects by, the report is of Predict's outputs and Encode's codes.
func TestEvaluateIsOfPredictAndEncode(t *testing.T) {
	x := normal(rand.New(rand.NewPCG(4, 4)), 1200, 10)
	x.Apply(func(i, j int, v float64) float64 { return (3 + v) * float64(1+i%5) }, x)
	for _, c := range []ksparse.Config{
		{Normalization: ksparse.LayerNorm},
		{Normalization: ksparse.UnitRMS, PreBias: true},
		{Normalization: ksparse.DatasetScale, Tied: true},
		{PreBias: true, Mirrored: true},
		{Selection: ksparse.SelectBatchTopK},
		{Selection: ksparse.SelectAbsTopK, Activation: ksparse.Identity},
		{Selection: ksparse.SelectThreshold, Normalization: ksparse.LayerNorm},
	} {
		c.Classic = true
		c.Inputs, c.Latents, c.K = 10, 30, 4
		if c.Selection != ksparse.SelectAbsTopK {
			c.Activation = ksparse.ReLU
		}
		net, err := ksparse.New(c)
		if err != nil {
			t.Fatal(err)
		}
		if c.Normalization == ksparse.DatasetScale || c.Selection == ksparse.SelectBatchTopK || c.Selection == ksparse.SelectThreshold {
			src, err := data.FromMatrix(x)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := measure.Evaluate(net, src); !errors.Is(err, ksparse.ErrUnset) {
				t.Errorf("%+v: error is %v before scale or threshold are known, want ErrUnset", c, err)
			}
		}
		src, err := data.FromMatrix(x)
		if err != nil {
			t.Fatal(err)
		}
		if err := net.StartFrom(src, ksparse.Start{}); err != nil {
			t.Fatal(err)
		}
		if l := net.Layers()[0].(*ksparse.SparseLayer); l.Selection() == ksparse.SelectBatchTopK || l.Selection() == ksparse.SelectThreshold {
			if err := l.SetThresholds(0.5); err != nil {
				t.Fatal(err)
			}
		}
		for j := range 10 {
			net.Layers()[1].Biases().SetVec(j, 0.5-0.1*float64(j))
		}
		out, err := net.Predict(x)
		if err != nil {
			t.Fatal(err)
		}
		codes, err := net.Encode(x)
		if err != nil {
			t.Fatal(err)
		}
		want := plainReport(x, out)
		want.Latents, want.L0, want.Frequency, want.Dead = 30, codes.L0(), codes.Frequency(), never(codes.Frequency())
		got := evaluate(t, net, x)
		compareReports(t, got, want, 1e-12)
		if fvu, err := ksparse.FVU(out, x); err != nil || fvu != got.FVU {
			t.Errorf("%+v: FVU(Predict(x), x) is %v, %v, Evaluate's is %v: not the same bits", c, fvu, err, got.FVU)
		}
		frozen, err := net.Freeze()
		if err != nil {
			t.Fatal(err)
		}
		if r := evaluate(t, frozen, x); !reflect.DeepEqual(r, got) {
			t.Errorf("%+v: frozen, the report is %+v, not %+v", c, r, got)
		}
	}
}

// TestEvaluateSameBits: for any number of processors, and for the source of the
// same numbers as float32.
func TestEvaluateSameBits(t *testing.T) {
	const rows, cols = 1500, 70
	rng := rand.New(rand.NewPCG(1, 7))
	narrow := make([]float32, rows*cols)
	x := mat.NewDense(rows, cols, nil)
	for e := range narrow {
		narrow[e] = rng.Float32() - 0.5
		x.RawMatrix().Data[e] = float64(narrow[e])
	}
	net := autoencoder(t, cols, 130, 7, ksparse.GELU)
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(0))
	var first *measure.Report
	for _, procs := range []int{1, 2, 5} {
		runtime.GOMAXPROCS(procs)
		if r := evaluate(t, net, x); first == nil {
			first = r
		} else if !reflect.DeepEqual(r, first) {
			t.Errorf("GOMAXPROCS %d: %+v differs from %+v", procs, r, first)
		}
	}
	src, err := data.FromFloat32(narrow, rows, cols)
	if err != nil {
		t.Fatal(err)
	}
	if r, err := measure.Evaluate(net, src); err != nil || !reflect.DeepEqual(r, first) {
		t.Errorf("float32: %+v, %v differs from %+v", r, err, first)
	}
}

// TestEvaluateNothingActive: with K = 0 and no biases x̂ is zero.
func TestEvaluateNothingActive(t *testing.T) {
	r := evaluate(t, autoencoder(t, 2, 3, 0, ksparse.ReLU), mat.NewDense(2, 2, []float64{1, 2, 2, 1}))
	if r.L0 != 0 || len(r.Dead) != 3 || r.CosineSimilarity != 0 || r.L2Ratio != 0 || r.NormalizedMSE != 1 || !math.IsNaN(r.ReconstructionBias) {
		t.Errorf("%+v: want L0, cosine and ratio 0, three dead, normalized error 1, bias NaN", r)
	}
	if got := r.MassAbove(0); got != 0 {
		t.Errorf("MassAbove(0) is %v, want 0", got)
	}
}

// BenchmarkEvaluate tells what it takes beside the network itself, which is
// BenchmarkEvaluate/predict.
func BenchmarkEvaluate(b *testing.B) {
	const rows, cols = 4096, 256
	x := normal(rand.New(rand.NewPCG(1, 1)), rows, cols)
	net := autoencoder(b, cols, 2048, 32, ksparse.ReLU)
	for name, f := range map[string]func(){
		"predict": func() {
			if _, err := net.Predict(x); err != nil {
				b.Fatal(err)
			}
		},
		"evaluate": func() { evaluate(b, net, x) },
	} {
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				f()
			}
			b.ReportMetric(rows*float64(b.N)/b.Elapsed().Seconds(), "rows/s")
		})
	}
}

// never returns the latents of frequency 0.
func never(frequency []float64) []int {
	var dead []int
	for j, f := range frequency {
		if f == 0 {
			dead = append(dead, j)
		}
	}
	return dead
}
