// Package train has what a training of a ksparse network is told and what it tells:
// optimizers, schedules of the learning rate, the progress after each step, and the
// history at the end.
//
//	history, err := net.Train(ctx, x, x, ksparse.TrainConfig{
//		Optimizer: train.AdamW{WeightDecay: 0.05},
//		Schedule:  train.Warmup{Steps: 500, Then: train.CosineDecay{}},
//		Callback: func(p train.Progress) error {
//			if p.EpochEnd {
//				fmt.Printf("epoch %d: loss %.4g, %d dead latents\n", p.Epoch, p.EpochLoss, p.Dead)
//			}
//			return nil
//		},
//	})
//	fmt.Println(history.Steps, "steps:", history.Stop)
//	fmt.Println(history.Advice) // what could be better, and what to change
//
// Optimizers and schedules are plain values, whose zero fields stand for documented
// defaults. Errors of their Validate methods wrap ksparse.ErrRange. A type of your own
// that implements Optimizer or Schedule may take their place.
package train
