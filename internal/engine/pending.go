package engine

import "strconv"

// pendingStep is how many jobs go to one time that take.lua reads, when it takes more
// than twice as many. To read every job's would cost Redis 15 % of a take; this costs
// 3 %.
const pendingStep = 8

// pendings are since when the jobs of one take were pending.
type pendings struct {
	told []int64 // Unix nanoseconds, oldest job first; 0: nobody knows
	jobs int
}

// readPendings reads the times that take.lua told of that many jobs.
func readPendings(told any, jobs int) pendings {
	words, _ := told.([]any)
	p := pendings{make([]int64, len(words)), jobs}
	for i, word := range words {
		text, _ := word.(string)
		told, _ := strconv.ParseInt(text, 10, 64)
		p.told[i] = max(0, told)
	}
	return p
}

// since returns since when the k-th job, counted from 0, was pending: 0 when nobody
// knows. Between two jobs whose times were told the others came at equal distances.
func (p pendings) since(k int) int64 {
	if len(p.told) >= p.jobs {
		return p.told[k]
	}
	if len(p.told) < 2 {
		return 0
	}
	i := min(k/pendingStep, len(p.told)-2)
	from, to, first := p.told[i], p.told[i+1], i*pendingStep
	if from == 0 || to == 0 {
		return from
	}
	steps := min(pendingStep, p.jobs-1-first)
	return from + (to-from)/int64(steps)*int64(k-first)
}
