package sparse

import "strconv"

// AppendJSON appends the code of a row as JSON: {"latents":[2,5],"values":[0.5,1.25]}. Values, which
// are finite, have as many digits as tell each from all others.
func AppendJSON(dst []byte, latents []int32, values []float64) []byte {
	dst = append(dst, `{"latents":[`...)
	for i, j := range latents {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = strconv.AppendInt(dst, int64(j), 10)
	}
	dst = append(dst, `],"values":[`...)
	return append(AppendFloats(dst, values), `]}`...)
}

// AppendFloats appends finite numbers with commas between them, each with as many digits as tell it
// from all others.
func AppendFloats(dst []byte, numbers []float64) []byte {
	for i, v := range numbers {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = strconv.AppendFloat(dst, v, 'g', -1, 64)
	}
	return dst
}
