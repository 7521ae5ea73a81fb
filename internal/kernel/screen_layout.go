package kernel

// What the kernels of the certified screen read and write; screen.go has the kernels.
//
// # Layouts
//
// d inputs are padded with zeros to groups = ceil(d/4) groups of four (Grid.Groups).
//
//   - Tile: ScreenRows rows of x, [groups][12][4] bytes, int8 in two's complement.
//     Row i, input p is at (p/4)*48 + i*4 + p%4.
//   - Row: one row of x by itself, [groups][4] bytes, for ScreenOne.
//   - Panel: ScreenLatents latents, [groups][32][4] bytes (which is also
//     [groups][2][16][4]), the int8 q plus Grid.Offset. Latent l, input p
//     is at (p/4)*128 + l*4 + p%4.
//   - On GridBlocks, d is padded to whole blocks of four groups, and a tile has, after
//     its groups, [groups/4][12][2] int16, low byte first: see ScreenStarts.
//   - On GridFine, tiles, rows and panels are the same in bytes with groups = ceil(d/2)
//     groups of two: int16 in two's complement, low byte first, in all three of them.
//   - Codes: int16, row i of a tile and latent l of a panel at i*32 + l. Several
//     tiles store them one after the other, panel by panel.
//
// Buffers start at 64-byte addresses where package screen allocates them, and a
// call that fills a tile's codes writes whole 64-byte lines; a kernel may rely on
// neither for safety.

const (
	ScreenRows     = 12 // rows of a tile
	ScreenLatents  = 32 // latents of a panel
	ScreenOutliers = 16 // inputs that the epilogue can add in float32
	// ScreenInputs is the most inputs that a screening kernel takes. Sums of
	// 127*255*d stay in int32 up to 66,000; a tile call takes 28 us at 16384, and
	// twice that in int16.
	ScreenInputs = 1 << 14

	// screenRound is added to a bound before it is truncated to a code: 1, so that
	// a code never lies below its bound, 1/128 for the rounding of the sum, and 1/4
	// for a bias that is rounded upward and taken with the other sign.
	screenRound float32 = 1.2578125
)

// ScreenRow holds the numbers of a row of x that the epilogue needs.
type ScreenRow struct {
	Start    int32   // of the sums: minus Grid.Offset times the sum of the row's q, but 0 in a tile of GridBlocks
	Scale    float32 // of the integer product times ScreenPanel.Scale
	Bias     float32 // of ScreenPanel.Bias
	Norm     float32 // of ScreenPanel.Norm
	Residual float32 // of ScreenPanel.Residual
	Mask     uint32  // ScreenSigned or ScreenMagnitude
	Outlier  [ScreenOutliers]float32
}

// What a ScreenRow's codes bound: the value, or its absolute value, without the sign
// bit.
const (
	ScreenSigned    uint32 = 1<<32 - 1
	ScreenMagnitude uint32 = 1<<31 - 1
)

// ScreenPanel holds the numbers of a panel's latents. A latent that only pads has
// Bias and Norm -Inf, so that its code is the lowest by either mask.
type ScreenPanel struct {
	Scale, Bias, Norm, Residual [ScreenLatents]float32
}

// Quantised is what Quantise returns beside the bytes.
type Quantised struct {
	Residual float64 // sum of (t-q)²
	Square   float64 // sum of t²
	Integers float64 // sum of q², exact
	Sum      int64   // sum of q
}

// Pair names row Row of one matrix and row Latent of another.
type Pair struct{ Row, Latent int32 }
