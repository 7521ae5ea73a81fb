package engine

import "fmt"

// Numbers is a slice of a training's state, of one kind of number or the other.
type Numbers struct {
	Name   string
	Floats []float64
	Counts []int64
}

// State returns all that a training needs to go on, besides the parameters: the live
// memory of it. Call Restored after writing to it, or to the parameters.
func (st *Stepper) State() []Numbers {
	var all []Numbers
	for i := range st.sweeper.layers {
		for t, slot := range st.sweeper.layers[i].weights {
			all = append(all, Numbers{Name: fmt.Sprintf("layer %d weights slot %d", i, t), Floats: slot})
		}
		for t, slot := range st.sweeper.layers[i].biases {
			all = append(all, Numbers{Name: fmt.Sprintf("layer %d biases slot %d", i, t), Floats: slot})
		}
	}
	if st.recipe.ScaleGradients {
		all = append(all, Numbers{Name: "usual gradient", Floats: st.sweeper.usual[:]})
		for i := range st.sweeper.layers {
			all = append(all, Numbers{Name: fmt.Sprintf("layer %d usual row", i), Floats: st.sweeper.layers[i].usualRow[:]})
		}
	}
	if st.activity != nil {
		all = append(all, Numbers{Name: "idle", Counts: st.activity.idle})
	}
	return all
}

// Restored brings up to date what follows from the parameters, where somebody else has
// written to them.
func (st *Stepper) Restored() {
	for i := range st.sweeper.layers {
		if l := st.sweeper.layers[i].layer; l.Copy != nil {
			l.Copy.packed.Repack(l.W, l.B)
		}
	}
}

// Network returns the view that steps work on, with the integer copies that they keep up
// to date.
func (st *Stepper) Network() Network { return st.pass.Network }

// Idle returns, of the last sparse layer, the number of rows since each latent was
// active; nil where there is no such layer. It is live.
func (st *Stepper) Idle() []int64 {
	if st.activity == nil {
		return nil
	}
	return st.activity.idle
}
