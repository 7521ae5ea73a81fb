package main

import "fmt"

// shape is the size of an autoencoder and of the batches it gets.
type shape struct{ inputs, latents, k, batch int }

// String is the shape in the name of a work.
func (s shape) String() string {
	return fmt.Sprintf("%d → %d, k=%d, batch %d", s.inputs, s.latents, s.k, s.batch)
}

// command is what a peer is asked, without the seconds.
func (s shape) command(verb string) string {
	return fmt.Sprint(verb, " ", s.inputs, s.latents, s.k, s.batch)
}

// noScreening ends the name of a work for which screening is off.
const noScreening = ", without screening"
