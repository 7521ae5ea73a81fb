//go:build amd64 && !purego

package kernel

import "golang.org/x/sys/cpu"

// archPaths lists the paths of this architecture, fastest first. HasAVX2 takes the
// operating system's state into account and HasFMA does not, so they go together;
// and GODEBUG can clear single bits, so each condition names all that its assembly
// uses.
func archPaths() []path {
	x := cpu.X86
	hasAVX2 := x.HasAVX2 && x.HasFMA && x.HasPOPCNT
	hasAVX512 := hasAVX2 && x.HasAVX512F && x.HasAVX512CD && x.HasAVX512DQ && x.HasAVX512BW && x.HasAVX512VL
	widest := screenAVX2 // that is there beside AVX-512
	switch {
	case x.HasAVX512VNNI:
		widest = screenAVX512
	case x.HasAVXVNNI:
		widest = screenAVXVNNI
	}
	narrow := path{
		name: "avx2", available: hasAVX2,
		dot: avx2F64.one, dotRows: avx2F64.dotRows, rowSquares: avx2F64.rowSquares, addRows: avx2Gather.addRows, addRowsBatch: avx2Gather.addRowsBatch,
		addRowsBatch32: avx2GatherNarrow.addRowsBatch,
		mulT:           avx2F64.mulT, mulAdd: avx2F64.mulAdd, above: aboveBy(callAboveAVX2F64), kthLargest: kthLargestBy(splitAVX2Go),
		mulT32: avx2F32.mulT, mulAdd32: avx2F32.mulAdd, takeAbove: takeAboveBy(callTakeAboveAVX2),
		elementwise: elementwiseAVX2, stripping: strippingAVX2, screening: screenAVX2.screening(),
	}
	vnni := narrow
	vnni.name, vnni.available, vnni.screening = "avxvnni", hasAVX2 && x.HasAVXVNNI, screenAVXVNNI.screening()
	return []path{
		{
			name: "avx512", available: hasAVX512,
			dot: avx512F64.one, dotRows: avx512F64.dotRows, rowSquares: avx512F64.rowSquares, addRows: avx512Gather.addRows, addRowsBatch: avx512Gather.addRowsBatch,
			addRowsBatch32: avx512GatherNarrow.addRowsBatch,
			mulT:           avx512F64.mulT, mulAdd: avx512F64.mulAdd, above: aboveBy(callAboveAVX512F64), kthLargest: kthLargestBy(splitAVX512Go),
			mulT32: avx512F32.mulT, mulAdd32: avx512F32.mulAdd, takeAbove: narrow.takeAbove, // memory sets its speed
			elementwise: elementwiseAVX512, stripping: strippingAVX512, screening: widest.screening(),
		},
		vnni,
		narrow,
	}
}
