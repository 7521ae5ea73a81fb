// Package data provides samples for training and measuring networks: matrices of
// one sample per row that need not fit in memory. A Source hands out their rows;
// this package makes one of a matrix, of float32 numbers, or of files, and any type
// with its two methods is one.
//
// Open reads the files that people keep, one or many as one Source: NumPy's .npy and .npz;
// safetensors, sharded ones and folders of chunks too; vectors as .fvecs, .bvecs, .ivecs, .fbin,
// .u8bin and .i8bin; float32 numbers without a header; CSV, TSV and JSON lines. WriteNpy and
// WriteSafetensors write any Source. Arrow and Parquet files are for the module columnar beside
// this one.
//
// These lines train an autoencoder on the activations in a folder of files, of which only a
// buffer of rows is in memory at a time:
//
//	src, err := data.Open(data.Options{Tensor: "activations"}, "layer12/*.safetensors")
//	if err != nil {
//		log.Fatal(err)
//	}
//	defer src.Close()
//	fmt.Println(src) // 12 safetensors files, tensor "activations" float16, 1,200,000 x 512
//	_, cols := src.Dims()
//	net, err := ksparse.New(ksparse.Config{Inputs: cols, Latents: 16 * cols, K: 32})
//	if err != nil {
//		log.Fatal(err)
//	}
//	history, err := net.TrainSource(context.Background(), src, ksparse.TrainConfig{})
//	fmt.Println(history, err)
//
// Sources are combined to others: Concat and Range, HoldOut and Split for rows to measure on,
// Sample, and Pair for inputs with targets of their own. None of them copies rows or lists of
// rows. Each makes the same promises as any Source, and its methods may be called from several
// goroutines at once where those of all its sources may.
//
// MeanRow and GeometricMedian find the centre of data in memory, where a pre-bias
// can start. A network made as above begins at the median by itself.
//
// Errors of this package wrap those of package ksparse that are named beside each
// function, so errors.Is(err, ksparse.ErrShape) works.
package data

import "github.com/ksparse/ksparse/internal/fault"

// Source is a matrix of samples that need not fit in memory: rows are read by
// index range. Training and evaluation read from one goroutine at a time, unless it has a
// method ReadsAhead() bool that returns true: see Prefetch. They check what they read: NaN, an
// infinity and numbers that ReadRows did not write are errors.
type Source interface {
	// Dims returns the number of rows (samples) and columns. They do not change.
	Dims() (rows, cols int)
	// ReadRows writes the rows lo to hi (without hi) to dst, one after the other;
	// dst has (hi-lo)·cols numbers. The same range gives the same numbers each time.
	ReadRows(dst []float64, lo, hi int) error
}

// checkRead returns an error unless the rows lo to hi of s can be read into dst.
func checkRead(s Source, dst []float64, lo, hi int) error {
	rows, cols := s.Dims()
	if lo < 0 || lo > hi || hi > rows {
		return fault.Errorf(fault.ErrRange, "rows %d to %d of a source that has %d", lo, hi, rows)
	}
	if len(dst) != (hi-lo)*cols {
		return fault.Errorf(fault.ErrShape, "rows %d to %d of %d columns are read into %d numbers, want %d", lo, hi, cols, len(dst), (hi-lo)*cols)
	}
	return nil
}
