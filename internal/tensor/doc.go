// Package tensor reads the values of one tensor of a weights file, whatever the
// container: safetensors, torchfile and npy find where the elements lie, this
// package decodes them.
//
// A Tensor is a view of a Storage, the bytes of the file that hold its elements.
// Making one reads nothing. Values come in row-major order of the shape, whatever
// the strides, and always exactly: what the asked type cannot hold is an error.
// The rows of a tensor are the slices along its first dimension, so a tensor of
// shape [n, d] has n rows of d values, one of shape [n] n rows of 1 value, and one
// of shape [] a single row. ReadRows and ReadRows32 fill the caller's memory and
// use at most about a megabyte of their own, in column-major tensors too; only a
// tensor with no dimension of stride 1 has its storage read into memory.
//
// Tensors may be read by several goroutines at once.
package tensor
