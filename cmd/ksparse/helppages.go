package main

import (
	"fmt"
	"os"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/cobra/doc"

	"github.com/ksparse/ksparse/cmd/ksparse/internal/say"
)

// helpPagesCommand returns the hidden command that writes the help as pages.
func helpPagesCommand() *cobra.Command {
	var page string
	c := &cobra.Command{
		Use:     "help-pages [FOLDER]",
		Short:   "Write the help of all commands as man pages, or as one page",
		Example: "  ksparse help-pages /usr/local/share/man/man1",
		Hidden:  true,
		Args:    wantArgs(0, 1, "one folder at most"),
		RunE: func(c *cobra.Command, args []string) error {
			if page == "" && len(args) == 0 {
				return say.Wrong("want a folder for man pages, or --page FILE")
			}
			if page != "" {
				if err := writeFile(page, []byte(helpPage(c.Root()))); err != nil {
					return err
				}
			}
			if len(args) == 0 {
				return nil
			}
			if err := os.MkdirAll(args[0], 0o755); err != nil {
				return err
			}
			c.Root().DisableAutoGenTag = true
			return doc.GenManTree(c.Root(), &doc.GenManHeader{Title: "KSPARSE", Section: "1", Source: "ksparse", Manual: "ksparse"}, args[0])
		},
	}
	c.Flags().StringVar(&page, "page", "", "write all of the help to this `file`, in Markdown")
	return c
}

// helpPage returns the help of all commands on one page of Markdown.
func helpPage(root *cobra.Command) string {
	var b strings.Builder
	b.WriteString(`# The command ksparse

` + "`go -C cmd/ksparse generate`" + ` makes this page of the help of the commands. ` + "`go -C cmd/ksparse install .`" + ` installs the command from a clone, and
` + "`ksparse completion bash`" + ` (or ` + "`zsh`, `fish`" + `) prints a completion script for the shell. ` + "`ksparse help-pages FOLDER`" + ` writes man pages.

Exit codes: 0, 1 where something failed, 2 where the command line makes no sense. Results go to the standard output, progress and errors
to the standard error. Files appear at once and whole, and one that exists is replaced with ` + "`--force`" + ` only.

## First steps

From a clone, in five minutes at most. The first line puts the command into ~/go/bin, or where "go env GOBIN" says: a folder that
must be in PATH.

` + "```" + `
go -C cmd/ksparse install .
ksparse mnist -o mnist.npy
ksparse train mnist.npy --latents 1000 -k 25 --epochs 3 -o mnist.ksp
ksparse eval mnist.ksp mnist.npy
ksparse encode mnist.ksp mnist.npy -o codes.jsonl
` + "```" + `

`)
	writeHelp(&b, root)
	return strings.TrimRight(b.String(), "\n") + "\n"
}

// writeHelp writes the help of c, and of the commands below it.
func writeHelp(b *strings.Builder, c *cobra.Command) {
	if c.Hidden || c.Name() == "help" || c.Name() == "completion" {
		return
	}
	fmt.Fprintf(b, "## %s\n\n```\n%s```\n\n", c.CommandPath(), helpText(c))
	for _, below := range c.Commands() {
		writeHelp(b, below)
	}
}

// helpText returns what --help of a command prints.
func helpText(c *cobra.Command) string {
	c.InitDefaultHelpFlag()
	about := c.Long
	if about == "" {
		about = c.Short
	}
	return strings.TrimSpace(about) + "\n\n" + c.UsageString()
}
