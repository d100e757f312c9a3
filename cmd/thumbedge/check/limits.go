package check

import (
	"context"
	"errors"
	"fmt"

	"github.com/dustin/go-humanize"

	"github.com/thumbedge/thumbedge/cmd/thumbedge/config"
	"github.com/thumbedge/thumbedge/cmd/thumbedge/machine"
)

// lookAtDescriptors compares the connections that the configuration allows with the files
// that a process may have open here. Where serve runs as a service, it may have more.
func lookAtDescriptors(_ context.Context, file *config.File) (string, error) {
	if err := file.FitsDescriptors(machine.Descriptors()); err != nil {
		return "", degradedError{err}
	}
	return fmt.Sprintf("%d may be open, %d are needed at most", machine.Descriptors(), file.Descriptors()), nil
}

// lookAtMemory compares what the configuration lets thumbedge take with what there is.
func lookAtMemory(_ context.Context, file *config.File) (string, error) {
	need, memory := file.Memory(), machine.ReadMemory()
	if memory.Admits(need) != nil {
		return "", degradedError{errors.New("with all limits used up: " + memory.Admits(need).Error() +
			". Lower cache.max_size, render.memory or rewrite.memory (the runbook has the sum)")}
	}
	if memory.Bytes == 0 {
		return humanize.IBytes(uint64(need)) + " at most; what this machine has is not known", nil
	}
	return fmt.Sprintf("%s at most, of the %s that %s has", humanize.IBytes(uint64(need)), humanize.IBytes(uint64(memory.Bytes)), memory.Whose), nil
}
