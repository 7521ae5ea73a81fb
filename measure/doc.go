// Package measure gives figures of merit: of an autoencoder on a data set, and of a
// dictionary.
//
//	src, err := data.OpenNpy("activations.npy")
//	report, err := measure.Evaluate(net, src)
//	fmt.Println(report.FVU, report.L0, len(report.Dead))
//	fmt.Println(report.ShareAbove(0.1)) // of latents that are active too often
//
//	// How well the dictionary that made the data is recovered.
//	mmcs, err := measure.MeanMaxCosine(truth, net.Layers()[1].Weights())
//
//	// Which atoms two models have in common: see Config.Decoder.
//	matches, err := measure.Matches(first.Decoder, second.Decoder)
//
// Public projects use the same names for different formulas. The documentation of each
// figure says which formula it has, and whose that is. Errors wrap the Err variables of
// package ksparse.
package measure
