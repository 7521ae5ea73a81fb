package measure_test

import (
	"fmt"
	"log"

	"github.com/ksparse/ksparse"
	"github.com/ksparse/ksparse/data"
	"github.com/ksparse/ksparse/measure"
	"gonum.org/v1/gonum/mat"
)

func ExampleEvaluate() {
	net, err := ksparse.New(ksparse.Config{Classic: true, Inputs: 2, Latents: 3, K: 1, Activation: ksparse.ReLU})
	if err != nil {
		log.Fatal(err)
	}
	// Latents 0 and 1 stand for the two inputs, latent 2 for the negative of one.
	for _, l := range net.Layers() {
		l.Weights().Copy(mat.NewDense(3, 2, []float64{1, 0, 0, 1, -1, 0}))
	}
	src, err := data.FromMatrix(mat.NewDense(4, 2, []float64{3, 0, 0, 3, 3, 0, 1, 2}))
	if err != nil {
		log.Fatal(err)
	}
	report, err := measure.Evaluate(net, src)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Printf("FVU %.3f, L0 %v, frequencies %v, dead %v\n", report.FVU, report.L0, report.Frequency, report.Dead)
	// Output: FVU 0.074, L0 1, frequencies [0.5 0.5 0], dead [2]
}

// Two of three true atoms are found, one of them scaled. The third is half way between
// two learned ones.
func ExampleMeanMaxCosine() {
	truth := mat.NewDense(3, 2, []float64{1, 0, 0, 1, 1, 1})
	learned := mat.NewDense(3, 2, []float64{0, 5, 1, 0, -1, 0})
	found, err := measure.MeanMaxCosine(truth, learned)
	if err != nil {
		log.Fatal(err)
	}
	repeated, err := measure.MeanMaxCosineWithin(learned)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Printf("recovered %.3f, repeated %.3f\n", found, repeated)
	// Output: recovered 0.902, repeated 0.000
}

func ExampleReport_DensityHistogram() {
	report := &measure.Report{Rows: 1000, Latents: 5, Frequency: []float64{0.5, 0.02, 0.03, 0, 0.001}, Dead: []int{3}}
	bins, err := report.DensityHistogram(1)
	if err != nil {
		log.Fatal(err)
	}
	for _, b := range bins {
		fmt.Printf("%.3f to %.3f: %d latents\n", b.From, b.To, b.Latents)
	}
	// Output:
	// 0.001 to 0.010: 1 latents
	// 0.010 to 0.100: 2 latents
	// 0.100 to 1.000: 1 latents
}
