package app

import (
	"sync/atomic"

	"legwork/configs"
	"legwork/internal/archive"
	"legwork/internal/inspect"
)

// exports makes the files of export actions, in the directory that the configuration
// names last.
type exports struct{ dir atomic.Value }

func (e *exports) configure(c configs.DeadLetters) { e.dir.Store(c.ArchiveDir) }

// create begins a file; nil without a directory.
func (e *exports) create(name string) (inspect.ExportFile, error) {
	dir, _ := e.dir.Load().(string)
	if dir == "" {
		return nil, nil
	}
	f, err := archive.Create(dir, name)
	if err != nil {
		return nil, err
	}
	return f, nil
}
