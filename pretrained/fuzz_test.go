package pretrained_test

import (
	"bytes"
	"math"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"gonum.org/v1/gonum/mat"

	"github.com/ksparse/ksparse"
	"github.com/ksparse/ksparse/pretrained"
)

// pair is a file of weights of the fixtures, with its configuration if it has one.
type pair struct {
	weights, config string // paths
}

// pairs returns those of testdata.
func pairs(t testing.TB) []pair {
	var out []pair
	err := filepath.WalkDir("testdata", func(path string, e os.DirEntry, err error) error {
		if err != nil || e.IsDir() || strings.Contains(path, "container_") || strings.Contains(path, "bad_configs") {
			return err
		}
		switch filepath.Ext(path) {
		case ".safetensors", ".pt", ".bin", ".npz":
		default:
			return nil
		}
		p := pair{weights: path}
		for _, folder := range []string{filepath.Dir(path), filepath.Dir(filepath.Dir(path))} {
			for _, name := range []string{"cfg.json", "config.json"} {
				if c := filepath.Join(folder, name); p.config == "" {
					if _, err := os.Stat(c); err == nil {
						p.config = c
					}
				}
			}
		}
		out = append(out, p)
		return nil
	})
	if err != nil || len(out) < 40 {
		t.Fatalf("%d files of weights (%v)", len(out), err)
	}
	return out
}

// openHostile opens the folder, and uses what it opens: nothing may panic, nor take
// memory out of proportion to the few kilobytes of the files.
func openHostile(t *testing.T, folder string) {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	m, err := pretrained.Open(folder, pretrained.Options{Unset: true})
	runtime.ReadMemStats(&after)
	if taken := after.TotalAlloc - before.TotalAlloc; taken > 64<<20 {
		t.Errorf("opening took %d MB (%v)", taken>>20, err)
	}
	if err != nil {
		if !strings.HasPrefix(err.Error(), "pretrained: ") {
			t.Errorf("the error %q has no prefix", err)
		}
		return
	}
	if m.Info.Inputs != m.In() || m.Info.Latents < 1 && !strings.HasPrefix(string(m.Info.Format), "ksparse ") || m.Info.Inputs < 1 {
		t.Errorf("%+v", m.Info)
	}
	x := mat.NewDense(2, m.In(), nil)
	x.Apply(func(i, j int, _ float64) float64 { return math.Sin(float64(i + 2*j)) }, x)
	m.Check(x) // any error will do
}

// FuzzConfig puts any configuration beside the weights of each fixture.
func FuzzConfig(f *testing.F) {
	all := pairs(f)
	for i, p := range all {
		if p.config != "" {
			text, err := os.ReadFile(p.config)
			if err != nil {
				f.Fatal(err)
			}
			f.Add(uint8(i), text)
		}
	}
	weights := make([][]byte, len(all))
	for i, p := range all {
		var err error
		if weights[i], err = os.ReadFile(p.weights); err != nil {
			f.Fatal(err)
		}
	}
	f.Fuzz(func(t *testing.T, which uint8, config []byte) {
		i := int(which) % len(all)
		folder := t.TempDir()
		write(t, filepath.Join(folder, "weights"), weights[i])
		write(t, filepath.Join(folder, "config.json"), config)
		openHostile(t, folder)
	})
}

// FuzzOpen opens any file of weights with any configuration and modules.json.
func FuzzOpen(f *testing.F) {
	for _, p := range pairs(f) {
		weights, err := os.ReadFile(p.weights)
		if err != nil {
			f.Fatal(err)
		}
		var config []byte
		if p.config != "" {
			if config, err = os.ReadFile(p.config); err != nil {
				f.Fatal(err)
			}
		}
		f.Add(weights, config, []byte(nil))
	}
	net, err := ksparse.New(ksparse.Config{Classic: true, Inputs: 3, Latents: 5, K: 2, Activation: ksparse.ReLU, Seed: 1})
	if err != nil {
		f.Fatal(err)
	}
	var own bytes.Buffer
	if err := net.Save(&own); err != nil {
		f.Fatal(err)
	}
	f.Add(own.Bytes(), []byte(nil), []byte(nil))
	f.Add([]byte("\x89ksc\r\n\x1a\n\x02\x00\x00\x00\x00\x00\x00\x00"), []byte(nil), []byte(nil))
	f.Add([]byte(nil), []byte(nil), []byte(`[{"path":"0","type":"sentence_transformers.models.SparseAutoEncoder"}]`))
	f.Fuzz(func(t *testing.T, weights, config, modules []byte) {
		folder := t.TempDir()
		write(t, filepath.Join(folder, "weights.safetensors"), weights)
		if len(config) > 0 {
			write(t, filepath.Join(folder, "cfg.json"), config)
		}
		if len(modules) > 0 {
			write(t, filepath.Join(folder, "modules.json"), modules)
		}
		openHostile(t, folder)
	})
}

// write writes a file.
func write(t *testing.T, path string, data []byte) {
	if err := os.WriteFile(path, data, 0o666); err != nil {
		t.Fatal(err)
	}
}
