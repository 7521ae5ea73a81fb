package pretrained

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// Bounds of the search for models below a folder.
const (
	maxDepth = 6
	maxFiles = 100_000
)

// A candidate is a file of weights.
type candidate struct {
	path string
	kind container
}

// find returns the file of weights that path and hookpoint name.
func find(path, hookpoint string) (string, container, error) {
	info, err := os.Stat(path)
	if err != nil {
		return "", 0, err
	}
	if hookpoint != "" {
		if !info.IsDir() {
			return "", 0, unknown("Options.Hookpoint %q is for a folder, and this is a file", hookpoint)
		}
		if !filepath.IsLocal(filepath.FromSlash(hookpoint)) {
			return "", 0, unknown("Options.Hookpoint %q leads out of the folder", hookpoint)
		}
		if path, err = snapshot(path); err != nil {
			return "", 0, err
		}
		path = filepath.Join(path, filepath.FromSlash(hookpoint))
		if info, err = os.Stat(path); err != nil {
			return "", 0, err
		}
	}
	if !info.IsDir() {
		kind, err := sniff(path)
		if err == nil && kind == noContainer {
			err = unknown("it is no safetensors, torch.save or .npz file")
		}
		return path, kind, err
	}
	if path, err = snapshot(path); err != nil {
		return "", 0, err
	}
	if path, err = sentenceModule(path); err != nil {
		return "", 0, err
	}
	var s search
	if err := s.folder(path, 0); err != nil {
		return "", 0, err
	}
	switch len(s.found) {
	case 0:
		return "", 0, s.nothing()
	case 1:
		return s.found[0].path, s.found[0].kind, nil
	}
	return "", 0, s.several(path)
}

// A search goes through a folder for models. Those that lie in a folder itself are
// the folder's; only where there are none do its subfolders count.
type search struct {
	found  []candidate
	looked []string // what was not a model, and why
	files  int
}

// folder adds the models of a folder.
func (s *search) folder(path string, depth int) error {
	entries, err := os.ReadDir(path)
	if err != nil {
		return err
	}
	if s.files += len(entries); s.files > maxFiles {
		return unknown("it holds more than %d files; name the folder of the model itself", maxFiles)
	}
	var here []candidate
	for _, e := range entries {
		name := filepath.Join(path, e.Name())
		if strings.HasPrefix(e.Name(), ".") || e.IsDir() {
			continue
		}
		kind, err := s.look(name)
		if err != nil {
			return err
		}
		if kind != noContainer {
			here = append(here, candidate{name, kind})
		}
	}
	if len(here) > 0 {
		s.found = append(s.found, oneOfEach(here)...)
		return nil
	}
	if depth == maxDepth {
		return nil
	}
	for _, e := range entries {
		if !e.IsDir() || strings.HasPrefix(e.Name(), ".") {
			continue
		}
		inner, err := snapshot(filepath.Join(path, e.Name()))
		if err == nil {
			err = s.folder(inner, depth+1)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// look returns the container of a file that holds a model's weights, noContainer
// for any other file.
func (s *search) look(path string) (container, error) {
	info, err := os.Stat(path)
	if err != nil {
		s.skip(path, "a link to nothing")
	}
	if err != nil || !info.Mode().IsRegular() {
		return noContainer, nil
	}
	kind, err := sniff(path)
	if err != nil {
		return noContainer, err
	}
	if kind == noContainer {
		if weightsName(path) {
			s.skip(path, "no safetensors, torch.save or .npz file")
		}
		return noContainer, nil
	}
	w, err := openWeights(path, kind, new(faults))
	if err != nil {
		if kind == inTorch { // optimiser states and the like, which are not for us
			s.skip(path, strings.TrimPrefix(err.Error(), path+": "))
			return noContainer, nil
		}
		return noContainer, containerError(path, err)
	}
	defer w.close()
	if !w.isModel() {
		s.skip(path, "no sparse autoencoder's tensors: "+w.list())
		return noContainer, nil
	}
	return kind, nil
}

func (s *search) skip(path, why string) {
	s.looked = append(s.looked, fmt.Sprintf("%s: %s", filepath.Base(path), why))
}

// nothing says that there is no model, and what there is.
func (s *search) nothing() error {
	if len(s.looked) == 0 {
		return unknown("there is no file of weights (safetensors, torch.save or .npz) in this folder")
	}
	return unknown("there is no model in this folder; what there is: %s", strings.Join(s.looked[:min(8, len(s.looked))], "; "))
}

// several lists the models, as Options.Hookpoint takes them.
func (s *search) several(root string) error {
	folders := make(map[string]int)
	for _, c := range s.found {
		folders[filepath.Dir(c.path)]++
	}
	var names []string
	for _, c := range s.found {
		name := c.path
		if folders[filepath.Dir(c.path)] == 1 {
			name = filepath.Dir(c.path)
		}
		if below, err := filepath.Rel(root, name); err == nil {
			name = filepath.ToSlash(below)
		}
		names = append(names, fmt.Sprintf("%q", name))
	}
	slices.Sort(names)
	return errorf(ErrSeveral, "it holds %d models; name one in Options.Hookpoint, or open its own path: %s", len(names), some(names))
}

// oneOfEach leaves of a model that is there as safetensors and as pytorch_model.bin
// the first.
func oneOfEach(here []candidate) []candidate {
	if len(here) != 2 {
		return here
	}
	for i, c := range here {
		if c.kind == inSafetensors && filepath.Base(here[1-i].path) == "pytorch_model.bin" {
			return here[i : i+1]
		}
	}
	return here
}

// weightsName says that a file is called like one of weights, so that it is worth a
// word if it is none.
func weightsName(path string) bool {
	switch filepath.Ext(path) {
	case ".safetensors", ".pt", ".pth", ".bin", ".npz":
		return true
	}
	return false
}

// A container is a kind of file that holds named tensors.
type container uint8

const (
	noContainer container = iota
	inSafetensors
	inTorch
	inNpz
)

func (c container) String() string {
	return [...]string{"unknown", "safetensors", "torch.save", ".npz"}[c]
}

// sniff tells the container by the first bytes of the file and, for a zip archive,
// by what it holds.
func sniff(path string) (container, error) {
	file, err := os.Open(path)
	if err != nil {
		return noContainer, err
	}
	defer file.Close() // read only
	head := make([]byte, 16)
	n, err := io.ReadFull(file, head)
	if err != nil && !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) {
		return noContainer, err
	}
	switch head = head[:n]; {
	case n >= 4 && string(head[:4]) == "PK\x03\x04":
		return zipKind(file), nil
	case n >= 9 && head[8] == '{' && binary.LittleEndian.Uint64(head) < 1<<32: // the header's length
		return inSafetensors, nil
	case n >= 2 && head[0] == 0x80 && head[1] <= 5, isTar(file):
		return inTorch, nil
	case filepath.Ext(path) == ".safetensors": // let its reader say what is wrong
		return inSafetensors, nil
	}
	return noContainer, nil
}

// zipKind tells .npz from torch.save: the first has arrays at its top, the second
// everything in one folder.
func zipKind(file *os.File) container {
	head := make([]byte, 30+256)
	n, _ := file.ReadAt(head, 0)
	if n < 30 {
		return inTorch
	}
	name := head[30:min(n, 30+int(head[26])+int(head[27])<<8)]
	if strings.HasSuffix(string(name), ".npy") && !strings.Contains(string(name), "/") {
		return inNpz
	}
	return inTorch
}

// isTar recognises the files of the first PyTorch versions, for the error about them.
func isTar(file *os.File) bool {
	magic := make([]byte, 5)
	_, err := file.ReadAt(magic, 257)
	return err == nil && string(magic) == "ustar"
}

// isFileSystem reports whether err comes from the file system and not from what a
// file holds.
func isFileSystem(err error) bool {
	var p *fs.PathError
	return errors.As(err, &p)
}
