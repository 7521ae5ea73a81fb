//go:build unix

package main

import (
	"os"
	"syscall"
)

// pause stops a process until resume.
func pause(p *os.Process) error { return p.Signal(syscall.SIGSTOP) }

// resume lets a process go on that pause has stopped.
func resume(p *os.Process) error { return p.Signal(syscall.SIGCONT) }
