// Package columnar reads samples for training from the files in which data sets are kept
// column by column: Arrow IPC files and streams, Parquet files, folders that Hugging Face
// datasets saved, and what that library has in its cache. A File is a data.Source of the
// rows of one column of lists of numbers; Texts are the strings or labels of another.
//
//	src, err := columnar.Open("activations.parquet", "") // "": the only column of lists
//	if err != nil {
//		log.Fatal(err)
//	}
//	defer src.Close()
//	history, err := net.TrainSource(context.Background(), src, ksparse.TrainConfig{})
//
// # What is read
//
// A column is one of fixed-size lists, lists or large lists of float16, float32, float64 or
// integers, and all its rows have one length. Lists in lists, as those of the type Array2D of
// datasets, are one long row. A missing row or number, and a row of another length than the
// first, are errors that name the file and the row, counted from 0, where they are read.
//
// Arrow buffers are as they are or compressed by LZ4 or zstd. Parquet pages are of either
// version, as they are or compressed by snappy, gzip, zstd or LZ4_RAW, in the encodings
// plain, dictionary, byte stream split and, for integers, delta.
//
// # Memory
//
// Rows of Arrow files without compression are read straight from the file, those that are
// asked for and no others. Of compressed Arrow files a record batch, and of Parquet files a
// page, is decoded at a time; the last ones stay in memory, about 64 MiB of float64 for a
// File, however many files it has, and always the one that is being read from. A page has
// about 1 MiB, unless its writer was told otherwise. A damaged file cannot take more than
// 64 MiB and 32 times its size for one batch or page.
//
// Errors wrap those of package ksparse that are named beside each function, so
// errors.Is(err, ksparse.ErrFormat) works.
package columnar
