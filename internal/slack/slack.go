// Package slack lets garbage gather.
package slack

import "os"

// Hold returns memory that nothing uses, to be held (runtime.KeepAlive) while a
// process works. Go collects when the heap has doubled, which for the few megabytes
// of a Legwork process is 100 times a second under load. To the collector the slack
// is heap, so that much more garbage may gather; to the system it is nothing, for no
// page of it is ever touched. Unlike a higher GOGC it costs the same however large
// the heap grows. Who has set GOGC or GOMEMLIMIT knows better: Hold returns nil then.
func Hold(bytes int64) []byte {
	for _, name := range []string{"GOGC", "GOMEMLIMIT"} {
		if os.Getenv(name) != "" {
			return nil
		}
	}
	return make([]byte, bytes)
}
