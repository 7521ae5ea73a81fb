//go:build !unix && !windows

package mapped

import (
	"errors"
	"os"
)

// mapFile returns an error: nothing is mapped on this system.
func mapFile(*os.File, int) ([]byte, error) { return nil, errors.ErrUnsupported }

// unmap has nothing to do.
func unmap([]byte) error { return nil }
