package engine

import "embed"

//go:embed lua/*.lua
var luaFiles embed.FS

// scriptKind is what a script of asynq does, as far as the seam cares.
type scriptKind int

const (
	scriptUnknown   scriptKind = iota
	scriptOther                // known, passed through
	scriptDequeue              // takes a job from a queue
	scriptDone                 // ends a job and deletes it
	scriptComplete             // ends a job and keeps it for its retention
	scriptRequeue              // gives a job back
	scriptRetry                // schedules the next attempt
	scriptArchive              // makes a job a dead letter
	scriptForward              // makes due jobs pending
	scriptHeartbeat            // tells of a server and its running jobs
	scriptExpired              // lists jobs whose leases have ended
)

// scriptKindOf recognises the scripts that an asynq 0.26.0 server runs, by the
// SHA-1 of their source. A contract test fails when an upgrade changes one.
func scriptKindOf(sha string) scriptKind {
	switch sha {
	case "a8153319360adc71cdc370107f8ab9786f204765":
		return scriptDequeue
	case "1241eaa1c73409baaf1fea0c08d203a4911bda15", // done
		"a2631c71357a54b4c3e7450b1757e7f3f49d6c81": // done, unique
		return scriptDone
	case "117dca952700588e559c7ace20b925096d587974", // complete
		"ce6833ccce362a8c0ee53beee413341daf52e39c": // complete, unique
		return scriptComplete
	case "f34cbfd11d1fc8019af55b50c447fc68eb8b29e5":
		return scriptRequeue
	case "65fa409c88198a681c53e0892d8276eca0145694":
		return scriptRetry
	case "9c3b1eb9947ce2ee5304ac013a0a365ec364fd2d":
		return scriptArchive
	case "522b1a6ae66fe79ea2f24a9af58798ab71879035":
		return scriptForward
	case "3c8548ad44d0dfcfde50f07ea9271d77f656042c": // write server state
		return scriptHeartbeat
	case "16988a462595f6ee317be300951533b004f27f5c":
		return scriptExpired
	case "7c08714194a1ed81153180b36590c51f1ccd7d42", // reclaim aggregation sets
		"49c4326d80c1db9c476da2aa7f4438d03688f82b", // delete expired completed
		"79cf8dbc80deca37314fdfdeb9fe33a12c9baad7": // clear server state
		return scriptOther
	}
	return scriptUnknown
}
