package main

import (
	"fmt"
	"os/exec"
	"regexp"
	"strconv"
	"strings"
)

// costs are the cycles of one turn of each inner loop on one processor.
type costs map[string]float64

// readCosts runs llvm-mca on the listing.
func readCosts(mca, listing, processor string) (costs, error) {
	const turns = 1000
	command := exec.Command(mca, "-mtriple=aarch64", "-mcpu="+processor, "-mattr=+dotprod,+i8mm", "-iterations="+strconv.Itoa(turns))
	command.Stdin = strings.NewReader(listing)
	var complaint strings.Builder
	command.Stderr = &complaint
	out, err := command.Output()
	if err != nil {
		return nil, fmt.Errorf("%s: %w\n%s", mca, err, complaint.String())
	}
	c := costs{}
	for _, m := range regexp.MustCompile(`Code Region - (\S+)\s+Iterations:\s+\d+\s+Instructions:\s+\d+\s+Total Cycles:\s+(\d+)`).FindAllStringSubmatch(string(out), -1) {
		cycles, err := strconv.ParseFloat(m[2], 64)
		if err != nil {
			return nil, err
		}
		c[m[1]] = cycles / turns
	}
	return c, nil
}

// loops are those whose cost is printed: their work of a turn, and the loop of the same
// instruction on registers alone, none where that says little.
var loops = []struct {
	what, region string
	work         float64
	peak         string
}{
	{"float64 product, 4x12 tile", "laneNEONF64.step", 48, "peakNEONF64.peak"},
	{"float32 product, 4x24 tile", "laneNEONF32.step", 96, "peakNEONF32.peak"},
	{"int8 tile by SDOT, 12x8", "screenTilesNEON.group", 384, "screenPeakNEON.peak"},
	{"int8 tile by SMMLA, 12x8", "screenTilesPairsNEON.two", 768, ""},
	{"int16 tile by SMLAL, 12x8", "screenTiles16NEON.group", 192, ""},
	{"four dot products of float64", "dotsNEONF64.group", 32, "peakNEONF64.peak"},
	{"gathered row of float64, 48 columns", "gather24NEONF64.entry", 48, "peakNEONF64.peak"},
	{"gathered row of float32, 48 columns", "gatherNarrow24NEONF64.entry", 48, "peakNEONF64.peak"},
	{"strip: gathered row, 32 columns", "stripDecode16NEONF64.entry", 32, "peakNEONF64.peak"},
	{"strip: product with a gathered row, 32 columns", "stripDot4NEONF64.entry", 32, "peakNEONF64.peak"},
	{"Adam, an element", "adamNEON.four", 4, ""},
	{"sigmoid, an element", "sigmoidNEON.four", 4, ""},
	{"tanh, an element", "tanhNEON.four", 4, ""},
	{"above a threshold, an element", "aboveNEON.group", 16, ""},
}

// peakWork is the work of a turn of each loop on registers alone.
var peakWork = map[string]float64{"peakNEONF64.peak": 48, "peakNEONF32.peak": 96, "screenPeakNEON.peak": 384}

// printCosts prints what the inner loops cost on each processor, in multiply-adds or elements
// a cycle and as a share of the peak, and the estimate of an encode.
func printCosts(mca, listing string, processors []string) error {
	var all []costs
	for _, p := range processors {
		c, err := readCosts(mca, listing, p)
		if err != nil {
			return err
		}
		all = append(all, c)
	}
	fmt.Printf("| loop | %s |\n|---|%s\n", strings.Join(processors, " | "), strings.Repeat("---:|", len(processors)))
	for _, l := range loops {
		fmt.Printf("| %s |", l.what)
		for _, c := range all {
			rate := l.work / c[l.region]
			fmt.Printf(" %.3g", rate)
			if l.peak != "" {
				fmt.Printf(" (%.0f %%)", 100*rate*c[l.peak]/peakWork[l.peak])
			}
			fmt.Print(" |")
		}
		fmt.Println()
	}
	fmt.Printf("\n| part of an encode, cycles a sample | %s |\n|---|%s\n", strings.Join(processors, " | "), strings.Repeat("---:|", len(processors)))
	printEncode(all)
	return nil
}

// The encode of the estimate: inputs, latents and batch, and how many candidates a sample
// has. (Normal numbers, k = 32, had 79 as measured on another processor; the number depends
// on the numbers and not on the processor.)
const (
	encodeInputs, encodeLatents, encodeBatch = 768, 8192, 1024
	encodeCandidates                         = 79
)

// encodePart is a part of an encode, with its cycles for each sample.
type encodePart struct {
	name   string
	cycles func(c costs) float64
}

// encodeParts returns the parts of an encode whose integers are multiplied by turns of the
// loop region, each of which takes so many inputs of 12 samples and 8 latents.
func encodeParts(region string, inputs float64) []encodePart {
	const blocks = encodeLatents / blockLatents
	quantise := func(c costs) float64 {
		return encodeInputs/16*c["quantiseNEON.sixteen"] + encodeInputs/32*c["extentNEON.thirtytwo"]
	}
	return []encodePart{
		{"integers of the sample", quantise},
		{"product in int8", func(c costs) float64 { return blocks * encodeInputs / inputs * c[region] / screenRows }},
		{"bounds and codes", func(c costs) float64 { return blocks * c["screenTilesNEON.epilogue"] / screenRows }},
		{"candidates found, twice", func(c costs) float64 { return 2 * encodeLatents / screenLatents * c["screenPairsNEON.row"] }},
		{"candidates multiplied in float64", func(c costs) float64 {
			return encodeCandidates * encodeInputs / 8 * c["dotPairs32NEON.group"] / dotCols
		}},
		{"choice of k, 8 sweeps", func(c costs) float64 { return 8 * (encodeCandidates + 7) / 8 * c["splitNEON.group"] }},
	}
}

// printEncode prints the parts of an encode and what they add up to, beside a product in
// float32 at the peak.
func printEncode(all []costs) {
	row := func(name, format string, f func(c costs) float64) {
		fmt.Printf("| %s |", name)
		for _, c := range all {
			fmt.Printf(" "+format+" |", f(c))
		}
		fmt.Println()
	}
	product := func(c costs) float64 {
		return encodeInputs * encodeLatents * c["peakNEONF32.peak"] / peakWork["peakNEONF32.peak"]
	}
	for _, way := range []struct {
		name, region string
		inputs       float64
	}{{"SDOT", "screenTilesNEON.group", 4}, {"SMMLA", "screenTilesPairsNEON.two", 8}} {
		parts := encodeParts(way.region, way.inputs)
		sum := func(c costs) (s float64) {
			for _, p := range parts {
				s += p.cycles(c)
			}
			return s
		}
		for _, p := range parts {
			row(way.name+": "+p.name, "%.0f", p.cycles)
		}
		row(way.name+": together, frozen", "%.0f", sum)
		row(way.name+": times as fast as the product", "%.2f", func(c costs) float64 { return product(c) / sum(c) })
		live := func(c costs) float64 { return sum(c) + encodeLatents/encodeBatch*parts[0].cycles(c) }
		row(way.name+": the same, not frozen", "%.2f", func(c costs) float64 { return product(c) / live(c) })
	}
	row("product in float32 at the peak", "%.0f", product)
}
