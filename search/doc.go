// Package search finds rows by their sparse codes.
//
// An Index holds the codes of many rows. It answers three questions:
//
//   - ByCode: which rows have the codes with the largest product with a given code? The answer
//     is exact: the same rows and the same float64 scores as computing all products, on every
//     processor.
//   - Nearest: which rows have the largest cosine with a given row? The answer is approximate, and
//     one number says how much of it must be right.
//   - Explain: how much does each latent add to a score?
//
// The product of codes is not the similarity of rows: doc/search.md has what each of them finds.
//
// An Index never changes, so any number of goroutines may use one at once. Add, Delete and Merge
// return a new Index that shares with the old one what did not change.
//
// Rows are named by IDs. They are numbered from 0 in the order in which they were added, a number is
// never given twice, and a row keeps its number when segments are merged.
package search
