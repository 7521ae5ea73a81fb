package search

// Next returns the ID that the next row gets which is added: one more than the largest that was ever given.
func (x *Index) Next() int64 { return x.next }
