// Package torchfile reads the files of torch.save: the zip archives since PyTorch
// 1.6 and the single stream before. Both hold a pickle, a program for a small stack
// machine that Python runs to build any object, by calling any function. The reader
// here knows only the instructions and names that a dictionary of tensors needs and
// refuses all others, so a file can build values and nothing else.
//
// The values of a file are, by their Python types:
//
//	dict, OrderedDict      *Dict
//	list                   *List
//	set                    Set, always empty
//	tuple, torch.Size      Tuple
//	str                    string
//	int                    int64, or *big.Int outside its range
//	float                  float64
//	bool                   bool
//	None                   nil
//	Tensor, Parameter      *tensor.Tensor, unread
//	torch.device           Device
//	torch.float32, types   Global
//
// What PyTorch's own reader (torch.load with weights_only, _weights_only_unpickler.py)
// refuses is refused here too: attributes of what is no OrderedDict, items for what is no
// list, entries for what is no dict, calls of other names, sizes, devices and flags of
// another type. Only the encodings of protocols 3 to 5 are read in addition: the same
// values, written with other instructions. Not read of what it reads: sparse and quantized
// tensors, complex numbers, Counter, bytes, Parameter made by its class, attributes of
// tensors.
//
// A file may use a value in many places, and even make a list that holds itself.
// So look up what is needed; never walk the whole tree.
package torchfile
