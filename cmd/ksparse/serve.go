package main

import "github.com/spf13/cobra"

// serveCommands returns the commands that serve a model.
func serveCommands() []*cobra.Command { return nil }
