package train_test

import (
	"fmt"

	"github.com/ksparse/ksparse/train"
)

// The rate rises over 4 steps, stays, and falls over the last half of the training.
func ExampleWarmup() {
	schedule := train.Warmup{Steps: 4, Then: train.LinearDecay{Start: 0.5, End: 0.1}}
	for step := 0; step < 20; step += 3 {
		fmt.Printf("step %2d: %.2f\n", step, schedule.Factor(step, 20))
	}
	// Output:
	// step  0: 0.25
	// step  3: 1.00
	// step  6: 1.00
	// step  9: 1.00
	// step 12: 0.82
	// step 15: 0.55
	// step 18: 0.28
}
