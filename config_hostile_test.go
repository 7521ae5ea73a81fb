package ksparse

import (
	"bytes"
	"errors"
	"io"
	"math/rand/v2"
	"slices"
	"testing"
)

// TestHostileConfig: headers of networks of given parameters that make no sense.
func TestHostileConfig(t *testing.T) {
	layer := func(fields string) string {
		return `{"kind":"sparse","name":"a","in":1,"out":1,"k":1,"activation":"relu"` + fields + `}`
	}
	const decoder = `,{"kind":"linear","name":"b","in":1,"out":1,"activation":"identity"}`
	for _, h := range []string{
		`{"layers":[` + layer(`,"dtype":"float16"`) + `]}`,
		`{"layers":[` + layer(`,"dtype":"float64"`) + `]}`,
		`{"layers":[` + layer(`,"dtype":4`) + `]}`,
		`{"layers":[` + layer("") + `,{"kind":"linear","name":"b","in":1,"out":1,"activation":"identity","tied":true,"dtype":"float32"}]}`,
		`{"layers":[` + layer(`,"gate":true`) + `]}`,
		`{"layers":[` + layer(`,"gate":true,"thresholds":true`) + `]}`,
		`{"layers":[` + layer(`,"gate":true,"thresholds":true,"selection":"batch_topk"`) + `]}`,
		`{"layers":[{"kind":"sparse","name":"a","in":1,"out":1,"k":1,"activation":"tanh","gate":true,"thresholds":true,"selection":"threshold"}]}`,
		`{"layers":[{"kind":"linear","name":"a","in":1,"out":1,"activation":"relu","gate":true}]}`,
		`{"layers":[{"kind":"sparse","name":"a","in":1,"out":3,"k":2,"activation":"relu","selection":"group_max"}]}`,
		`{"layers":[{"kind":"sparse","name":"a","in":1,"out":3,"k":0,"activation":"relu","selection":"group_max"}]}`,
		`{"layers":[` + layer("") + decoder + `],"no_decoder":true}`,
		`{"layers":[` + layer("") + `],"no_decoder":true,"skip":"float64"}`,
		`{"layers":[` + layer("") + `],"no_decoder":true,"undo":true,"normalization":"layer_norm"}`,
		`{"layers":[` + layer("") + `],"no_decoder":1}`,
		`{"layers":[{"kind":"linear","name":"a","in":1,"out":1,"activation":"relu"}],"no_decoder":true}`,
		`{"layers":[` + layer("") + decoder + `],"skip":"float16"}`,
		`{"layers":[` + layer("") + decoder + `],"skip":true}`,
		`{"layers":[` + layer("") + `],"skip":"float32"}`,
		`{"layers":[` + layer("") + `],"skip":"float64"}`,
		`{"layers":[` + layer("") + decoder + `],"skip":"float32","undo":true,"normalization":"layer_norm"}`,
		`{"layers":[{"kind":"sparse","name":"a","in":1000000,"out":1,"k":1,"activation":"relu"},{"kind":"linear","name":"b","in":1,"out":1000000,"activation":"relu"}],"skip":"float32"}`,
		`{"layers":[{"kind":"sparse","name":"a","in":68719476736,"out":1,"k":1,"activation":"relu"},{"kind":"linear","name":"b","in":1,"out":2,"activation":"relu"}],"skip":"float32"}`,
	} {
		for size := 0; size <= 64; size += 4 {
			if _, err := Load(bytes.NewReader(networkFile(h, make([]byte, size)))); !errors.Is(err, ErrFormat) {
				t.Errorf("%s with %d bytes of parameters: error %v, want ErrFormat", h, size, err)
			}
		}
	}
	// Numbers that are none, in every section.
	rng := rand.New(rand.NewPCG(8, 8))
	for name, cfg := range configCases(rng, 2, 4, 3, 2) {
		n, err := New(cfg)
		if err != nil {
			t.Fatal(err)
		}
		var file bytes.Buffer
		if err := n.Save(&file); err != nil {
			t.Fatal(err)
		}
		good := file.Bytes()
		header := 16 + int(good[12]) + int(good[13])<<8
		for at := header + 4; at < len(good)-4; at += 4 {
			bad := slices.Clone(good[:len(good)-4])
			copy(bad[at:], []byte{0xff, 0xff, 0xff, 0xff}) // NaN as either kind, in its upper half
			got, err := Load(bytes.NewReader(networkFile(string(good[16:header]), bad[header+4:])))
			if err != nil && !errors.Is(err, ErrFormat) {
				t.Errorf("%s: NaN at byte %d: error %v", name, at, err)
			}
			if err == nil {
				if err := got.Save(io.Discard); err != nil {
					t.Errorf("%s: NaN at byte %d was loaded", name, at)
				}
			}
		}
	}
}
