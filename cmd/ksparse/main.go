// Command ksparse trains, measures, compares, converts and serves k-sparse autoencoders, on rows that
// lie in files, and searches rows by their codes.
//
//	ksparse mnist -o mnist.npy                              # data to try it on
//	ksparse train mnist.npy --latents 1000 -k 25 -o mnist.ksp
//	ksparse eval mnist.ksp mnist.npy
//	ksparse encode mnist.ksp mnist.npy -o codes.jsonl
//
// ksparse COMMAND --help explains each command; doc/command.md has all of it on one page. The exit code is 0, or 1 where
// something failed, or 2 where the command line makes no sense.
package main

//go:generate go run . help-pages --page ../../doc/command.md

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"runtime/debug"
	"strings"
	"syscall"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/ksparse/ksparse/cmd/ksparse/internal/say"
)

// The exit codes.
const (
	failed = 1
	misuse = 2
)

// main runs the command until it ends or Ctrl-C interrupts it.
func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop) // a second Ctrl-C kills at once
	os.Exit(run(ctx, os.Args[1:], os.Stdout, os.Stderr))
}

// run is main without the process around it. It returns the exit code.
func run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	out := &output{to: stdout, cancel: cancel}
	root := newRoot()
	root.SetArgs(args)
	root.SetOut(out)
	root.SetErr(stderr)
	err := root.ExecuteContext(ctx)
	if out.failed != nil {
		err = out.failed
	}
	var wrong *say.Misuse
	switch {
	case err == nil:
		return 0
	case errors.As(err, &wrong):
		fmt.Fprintf(stderr, "ksparse: %v\n", err)
		return misuse
	case errors.Is(err, context.Canceled):
		fmt.Fprintln(stderr, "ksparse: interrupted")
		return failed
	}
	fmt.Fprintf(stderr, "ksparse: %v\n", say.Error(err))
	return failed
}

// output is where the commands print. It keeps the first error, for callers of fmt.Fprintf do not look, and
// ends the command.
type output struct {
	to     io.Writer
	cancel func()
	failed error
}

// Write writes to the output.
func (o *output) Write(p []byte) (int, error) {
	n, err := o.to.Write(p)
	if err != nil && o.failed == nil {
		o.failed = err
		o.cancel()
	}
	return n, err
}

// newRoot returns the command with all its commands.
func newRoot() *cobra.Command {
	root := &cobra.Command{
		Use:   "ksparse COMMAND",
		Short: "Train, measure, convert, search and serve sparse autoencoders",
		Long: `ksparse trains k-sparse autoencoders on rows of numbers that lie in files, measures them, compares and
converts them, serves them, and searches rows by their codes.

DATA is a file of rows, a folder of such files, or a pattern such as "part-*.npy" in quotes: .npy, .npz,
safetensors, fvecs and fbin, raw float32, CSV, JSON lines, Arrow, Parquet, or hf:org/name for a data set in
the Hugging Face cache. MODEL is a file that train wrote, a checkpoint, or a model of SAELens, sparsify,
sentence-transformers, OpenAI, dictionary_learning or Gemma Scope.`,
		Example: `  ksparse mnist -o mnist.npy
  ksparse train mnist.npy --latents 1000 -k 25 -o mnist.ksp
  ksparse eval mnist.ksp mnist.npy`,
		Version:       version(),
		SilenceUsage:  true,
		SilenceErrors: true,
		Args:          cobra.ArbitraryArgs, // so that RunE says which command is unknown
		RunE: func(c *cobra.Command, args []string) error {
			if len(args) == 0 {
				return c.Help()
			}
			return unknownCommand(c, args[0])
		},
	}
	root.SetFlagErrorFunc(flagError)
	root.SuggestionsMinimumDistance = 2
	root.AddCommand(trainCommand(), sweepCommand(), evalCommand(), checkCommand(), infoCommand(), encodeCommand(), decodeCommand(),
		indexCommand(), searchCommand(), exportCommand(), convertCommand(), calibrateCommand(), compareCommand(), diffCommand(), mnistCommand(),
		serveCommand(), helpPagesCommand())
	return root
}

// version returns the version of the module, and of Go.
func version() string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return "unknown"
	}
	return info.Main.Version + " " + info.GoVersion
}

// unknownCommand says that there is no such command, and which are meant perhaps.
func unknownCommand(c *cobra.Command, name string) error {
	about := ""
	if like := c.SuggestionsFor(name); len(like) > 0 {
		about = "; is it " + strings.Join(like, " or ") + "?"
	}
	return say.Wrong("%q is no command%s (ksparse --help lists them)", name, about)
}

// wanted says what a flag takes, by the type of its value.
var wanted = map[string]string{
	"int": "a whole number", "int64": "a whole number", "uint64": "a whole number of 0 or more", "float64": "a number",
	"int64Slice": "whole numbers with commas between them", "intSlice": "whole numbers with commas between them", "uintSlice": "whole numbers of 0 or more with commas between them",
	"float64Slice": "numbers with commas between them", "duration": "a time such as 90s or 20m", "bool": "true or false",
}

// flagError says what is wrong with a flag.
func flagError(c *cobra.Command, err error) error {
	text := err.Error()
	var invalid *pflag.InvalidValueError
	if errors.As(err, &invalid) {
		if want := wanted[invalid.GetFlag().Value.Type()]; want != "" {
			text = fmt.Sprintf("--%s is %q, want %s", invalid.GetFlag().Name, invalid.GetValue(), want)
		}
	}
	for _, arg := range os.Args[1:] {
		name, _, _ := strings.Cut(strings.TrimLeft(arg, "-"), "=")
		if strings.HasPrefix(arg, "-") && !strings.HasPrefix(arg, "--") && len(name) > 1 && strings.HasSuffix(text, " in "+arg) && c.Flags().Lookup(name) != nil {
			return say.Wrong("%s: write --%s (%s --help explains it)", arg, name, c.CommandPath())
		}
	}
	return say.Wrong("%s (%s --help lists the flags)", text, c.CommandPath())
}

// wantArgs returns a check of the number of arguments; what names them. most is -1 for any number.
func wantArgs(least, most int, what string) cobra.PositionalArgs {
	return func(c *cobra.Command, args []string) error {
		if len(args) >= least && (most < 0 || len(args) <= most) {
			return nil
		}
		return say.Wrong("want %s, got %d (%s --help has an example)", what, len(args), c.CommandPath())
	}
}

// complete makes a flag's values known to the shells.
func complete(c *cobra.Command, flag string, values ...string) {
	if err := c.RegisterFlagCompletionFunc(flag, cobra.FixedCompletions(values, cobra.ShellCompDirectiveNoFileComp)); err != nil {
		panic(err) // no such flag: a mistake in this program
	}
}
