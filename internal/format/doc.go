// Package format writes and reads two kinds of file: the network file, which keeps a
// network, and the checkpoint file, from which a training goes on.
//
// # The network file
//
// All numbers are little-endian.
//
//	8 bytes   magic: 89 6b 73 70 0d 0a 1a 0a ("\x89ksp\r\n\x1a\n")
//	uint32    version: 1, or 2 where the network has something that came with it
//	uint32    length of the header in bytes, at most 8 MiB
//	header    one JSON object in UTF-8
//	uint32    CRC-32C of all bytes before it
//	per layer, the first one first:
//	    float64...  weights, row after row:
//	                Out x In for a sparse layer, In x Out for a linear one;
//	                float32 where the header says so;
//	                nothing for a layer that is tied to the one before it
//	    float64...  biases, Out of them
//	    float64...  thresholds, Out of them, where the header says so
//	    float64...  the logarithms of a gate's gains, Out of them, likewise
//	float64...  of a network without a decoder the pre-bias, In of them, likewise
//	float64...  the skip connection, Out x In, likewise, or float32
//	uint32    CRC-32C of all bytes before it, the header's checksum left out
//
// The header lists the layers. A linear layer has no k; every other field of
// version 1 must be there, once.
//
//	{"layers":[
//	  {"kind":"sparse","name":"encoder","in":784,"out":1000,"k":25,"activation":"relu"},
//	  {"kind":"linear","name":"decoder","in":1000,"out":784,"activation":"identity"}]}
//
// Version 2 has, where they are not false, zero or the default: of a layer "dtype"
// ("float32"; else its weights are float64), of a sparse layer "selection" (a name),
// "thresholds" (true) and "gate" (true; its biases are the thresholds with the sign
// turned), of a linear layer "tied" (true), of the network "pre_bias" (true),
// "normalization" (a name), its "scale" and "undo" (true), "no_decoder" (true) and
// "skip" ("float64" or "float32").
//
// As in PNG, the magic shows when a transfer has changed line ends or cut the eighth
// bit. JSON can be read by eye (strings shows it), from any language, and takes new
// fields. A field that a reader does not know is an error, because a field can change
// the function that the network computes; what is added gets a new version, so that
// the error can say so. CRC-32C finds every error of up to 32 bits in a row and leaves
// other damage one chance in 2³²; with the instruction that processors have for it, it
// costs next to nothing, unlike SHA-256, and an unsigned hash would not stop a forger
// either. The last checksum leaves out the first because a CRC that runs over its own
// value always comes out the same, and would forget the header.
//
// # The checkpoint file
//
// All numbers are little-endian.
//
//	8 bytes   magic: 89 6b 73 63 0d 0a 1a 0a ("\x89ksc\r\n\x1a\n")
//	uint32    version: 3
//	uint32    length of the header in bytes, at most 8 MiB
//	header    one JSON object in UTF-8: settings, network, left and sections
//	sections  the numbers of each, 8 bytes a number: float64 or int64
//	uint32    CRC-32C of all bytes before it
//
// Where left is "average", say, the network has the parameters of the sections "average 0",
// "average 1" and so on: layer by layer the weights, of one that is not tied, and the
// biases. The thresholds of layer i are in "thresholds i", where the network's header,
// which is that of a network file, says that it has some.
//
// It is for the training that wrote it, not to exchange: another version of this
// library need not read it.
package format
