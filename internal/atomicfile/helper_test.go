package atomicfile

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// text returns what writes s, in two parts.
func text(s string) func(io.Writer) error {
	return func(w io.Writer) error {
		_, err := io.WriteString(w, s[:len(s)/2])
		_, err2 := io.WriteString(w, s[len(s)/2:])
		return errors.Join(err, err2)
	}
}

// files returns a folder's files: name and contents in turn.
func files(s ...string) []File {
	var all []File
	for i := 0; i < len(s); i += 2 {
		all = append(all, File{s[i], text(s[i+1])})
	}
	return all
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// wantText fails the test where path does not hold the text want.
func wantText(t *testing.T, path, want string) {
	t.Helper()
	if got, err := os.ReadFile(path); err != nil || string(got) != want {
		t.Errorf("%s holds %.40q (error %v), want %.40q", path, got, err, want)
	}
}

// wantNames fails the test where other names than these, in their order, are in the
// folder.
func wantNames(t *testing.T, folder string, want ...string) {
	t.Helper()
	if got := namesIn(t, folder); strings.Join(got, " ") != strings.Join(want, " ") {
		t.Errorf("%s holds %q, want %q", folder, got, want)
	}
}

func namesIn(t *testing.T, folder string) (names []string) {
	t.Helper()
	entries, err := os.ReadDir(folder)
	must(t, err)
	for _, e := range entries {
		names = append(names, e.Name())
	}
	return names
}

func wantMode(t *testing.T, path string, want fs.FileMode) {
	t.Helper()
	if info, err := os.Lstat(path); err != nil || info.Mode() != want {
		t.Errorf("%s has mode %v (error %v), want %v", path, info.Mode(), err, want)
	}
}

// childVariable tells a process that it is a child of a test, and what to do.
const childVariable = "KSPARSE_ATOMICFILE_CHILD"

func TestMain(m *testing.M) {
	if task := os.Getenv(childVariable); task != "" {
		if err := childMain(task, os.Args[len(os.Args)-2], os.Args[len(os.Args)-1]); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// childMain writes path with contents that begin with word. The task "file" or
// "folder" says "ready" in the middle of the write and goes on when its standard
// input has a line; "many" writes the file until it is killed.
func childMain(task, path, word string) error {
	input := bufio.NewReader(os.Stdin)
	halfWay := func(w io.Writer) error {
		if _, err := w.Write(large(word)); err != nil {
			return err
		}
		fmt.Println("ready")
		_, err := input.ReadString('\n')
		return err
	}
	switch task {
	case "file":
		return Write(path, halfWay)
	case "folder":
		return WriteFolder(path, []File{{"first", text("first")}, {"second", halfWay}})
	}
	for i := 0; ; i++ {
		if err := Write(path, func(w io.Writer) error { _, err := w.Write(large(fmt.Sprint(word, i%10))); return err }); err != nil {
			return err
		}
		if i == 0 {
			fmt.Println("ready")
		}
	}
}

// large returns word again and again, more than the buffer takes.
func large(word string) []byte { return bytes.Repeat([]byte(word), 300000/len(word)) }

// child is a process that runs childMain.
type child struct {
	*exec.Cmd
	input io.WriteCloser
}

// startChild starts a child and returns when it has said that it is ready.
func startChild(t *testing.T, task, path, word string) *child {
	t.Helper()
	exe, err := os.Executable()
	must(t, err)
	c := &child{Cmd: exec.Command(exe, path, word)}
	c.Env = append(os.Environ(), childVariable+"="+task)
	c.Stderr = os.Stderr
	c.input, err = c.StdinPipe()
	must(t, err)
	output, err := c.StdoutPipe()
	must(t, err)
	must(t, c.Start())
	t.Cleanup(func() { c.Process.Kill(); c.Wait() })
	if line, err := bufio.NewReader(output).ReadString('\n'); line != "ready\n" {
		t.Fatalf("the child says %q (error %v)", line, err)
	}
	return c
}

// kill ends the child as kill -9 does.
func (c *child) kill(t *testing.T) {
	t.Helper()
	must(t, c.Process.Kill())
	if err := c.Wait(); err == nil {
		t.Fatal("the child ended before it was killed")
	}
}

// goOn lets the child write the rest.
func (c *child) goOn(t *testing.T) {
	t.Helper()
	_, err := io.WriteString(c.input, "\n")
	must(t, errors.Join(err, c.Wait()))
}

// leftIn returns the temporary files of path.
func leftIn(t *testing.T, path string) (names []string) {
	t.Helper()
	p, err := locate(path)
	must(t, err)
	for _, name := range namesIn(t, filepath.Dir(path)) {
		if isTemporary(name, p.prefix()) {
			names = append(names, name)
		}
	}
	return names
}
