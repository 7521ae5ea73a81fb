package ksparse

import "fmt"

// Normalization is what a network does to each row before its first layer, and
// undoes after its last one. The zero value is NoNormalization.
type Normalization uint8

const (
	// NoNormalization leaves rows as they are.
	NoNormalization Normalization = iota
	// LayerNorm subtracts the row's mean μ and divides by σ + 1e-5, where σ is the
	// row's standard deviation with n-1; undone, outputs are multiplied by σ, not by
	// σ + 1e-5 (openai/sparse_autoencoder).
	LayerNorm
	// UnitRMS scales each row to the norm sqrt(columns); rows of zeros stay so.
	// (SAELens calls it constant_norm_rescale.)
	UnitRMS
	// DatasetScale multiplies all rows by one number, so that their mean norm in
	// the data set that StartFrom was given is sqrt(columns). (SAELens:
	// expected_average_only_in.)
	DatasetScale
	normalizations // their number
)

var normalizationNames = [normalizations]string{"none", "layer_norm", "unit_rms", "dataset_scale"}

// String returns the normalisation's name in lower case, such as "layer_norm".
func (n Normalization) String() string {
	if n < normalizations {
		return normalizationNames[n]
	}
	return fmt.Sprintf("Normalization(%d)", uint8(n))
}
