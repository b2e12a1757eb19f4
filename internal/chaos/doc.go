// Package chaos holds Legwork's promises against faults, from a ledger that is
// kept outside Redis.
//
// Its tests run real worker processes against a real Redis while jobs come in,
// and kill, freeze and cut off the one or the other. Producer and handlers write
// what happens to one append-only file, the [Ledger], which no fault touches:
// what was written by a process that is killed in the next instant stays. When
// all is over, [Audit] reads the ledger and says what became of every job.
//
//	producer --enqueue--> Redis <--> workers (processes)    faults: kill, freeze, cut
//	    |                   |           |                     |
//	    | accepted          | ended     | start, end          |
//	    `-------------------+---------> ledger <--------------'
//	                                      |
//	                                      `--> Audit --> Report
//
// `make chaos` runs everything at full size; the ordinary tests run each kind of
// fault once.
package chaos
