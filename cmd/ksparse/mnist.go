package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"github.com/ksparse/ksparse/data"
	"github.com/ksparse/ksparse/examples/mnistdata"
)

// mnistCommand returns the command mnist.
func mnistCommand() *cobra.Command {
	var (
		out         string
		test, force bool
	)
	c := &cobra.Command{
		Use:   "mnist -o FILE.npy",
		Short: "Write the MNIST digits, to try the other commands on",
		Long: `mnist writes the 60,000 digits of MNIST that are for training, or with --test the 10,000 for testing: rows of 28 x 28 pixels from 0
to 1, in float32. They come with this program and are under CC BY-SA 3.0.`,
		Example: `  ksparse mnist -o mnist.npy
  ksparse mnist --test -o mnist-test.npy`,
		Args: wantArgs(0, 0, "no arguments"),
		RunE: func(c *cobra.Command, _ []string) error {
			if err := mayWrite(out, force); err != nil {
				return err
			}
			load := mnistdata.Train
			if test {
				load = mnistdata.Test
			}
			set, err := load()
			if err != nil {
				return err
			}
			src, err := data.FromMatrix(set.Images)
			if err != nil {
				return err
			}
			if err := data.WriteNpy(out, src, false); err != nil {
				return err
			}
			_, err = fmt.Fprintf(c.OutOrStdout(), "%d digits of %d pixels, in %s\n", len(set.Labels), mnistdata.Pixels, out)
			return err
		},
	}
	f := c.Flags()
	f.StringVarP(&out, "output", "o", "", "the .npy `file` to write")
	f.BoolVar(&test, "test", false, "the 10,000 digits for testing")
	f.BoolVar(&force, "force", false, "replace a file that exists")
	return c
}
