package torchfile

import "github.com/ksparse/ksparse/internal/tensor"

// storageTypes are the classes of storages, with the type of their elements. The
// elements of an untyped one are bytes until a tensor gives them a type.
var storageTypes = map[Global]tensor.DType{
	"torch.DoubleStorage":          tensor.F64,
	"torch.FloatStorage":           tensor.F32,
	"torch.HalfStorage":            tensor.F16,
	"torch.BFloat16Storage":        tensor.BF16,
	"torch.LongStorage":            tensor.I64,
	"torch.IntStorage":             tensor.I32,
	"torch.ShortStorage":           tensor.I16,
	"torch.CharStorage":            tensor.I8,
	"torch.ByteStorage":            tensor.U8,
	"torch.BoolStorage":            tensor.Bool,
	"torch.storage.UntypedStorage": 0,
}

// dtypes are the types that are values in configurations, and that name what the
// elements of an untyped storage are. Those with 0 cannot be read.
var dtypes = map[Global]tensor.DType{
	"torch.float64":    tensor.F64,
	"torch.float32":    tensor.F32,
	"torch.float16":    tensor.F16,
	"torch.bfloat16":   tensor.BF16,
	"torch.int64":      tensor.I64,
	"torch.int32":      tensor.I32,
	"torch.int16":      tensor.I16,
	"torch.int8":       tensor.I8,
	"torch.uint64":     tensor.U64,
	"torch.uint32":     tensor.U32,
	"torch.uint16":     tensor.U16,
	"torch.uint8":      tensor.U8,
	"torch.bool":       tensor.Bool,
	"torch.complex64":  0,
	"torch.complex128": 0,
}
