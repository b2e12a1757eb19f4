// Package comparison measures Legwork's engine beside stock asynq, in one run
// and under the same conditions: what `legwork bench --engine --compare` does.
//
// A run is a list of scenarios, each in a file of its own. A scenario has sides,
// such as Legwork and a stock asynq server of concurrency 10, and is measured in
// rounds. In each round every side has its half round, in the listed order and
// the next time in the opposite one:
//
//	parent                              child, a process of its own
//	empty the database
//	fill it as the scenario wants
//	start a child, tell it its order    -> connect
//	                                    measure itself and Redis
//	read the measures                   <- print them, end
//
// The child is this program again, so that the two sides share neither a heap
// nor a scheduler, and the CPU time of a side is exactly its process's. Figures
// are the median, the least and the greatest over the rounds; a ratio is taken
// within a round, since a busy machine slows all of it.
package comparison
