package train_test

import (
	"testing"

	"github.com/ksparse/ksparse/train"
)

func TestStopReasonString(t *testing.T) {
	seen := map[string]bool{}
	for r := train.StopDone; r <= train.StopCheckpoint; r++ {
		seen[r.String()] = true
	}
	if len(seen) != 8 || seen[""] {
		t.Errorf("the reasons are %v, want 8 names", seen)
	}
	if got := (train.StopCheckpoint + 1).String(); got != "StopReason(8)" {
		t.Errorf("an unknown reason is %q", got)
	}
}
