package engine

import (
	"slices"
	"strings"
)

// nearest returns the known name with the smallest edit distance to name, or ""
// when none is closer than half of its length.
func nearest(name string, known []string) string {
	best, bestAt := "", len(name)/2+1
	slices.Sort(known)
	for _, k := range known {
		if strings.HasPrefix(k, name) || strings.HasSuffix(k, "."+name) {
			return k
		}
		if d := distance(name, k); d < bestAt {
			best, bestAt = k, d
		}
	}
	return best
}

// distance is the Levenshtein distance of two strings, in bytes.
func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			above := row[j+1]
			cost := diagonal
			if a[i] != b[j] {
				cost = 1 + min(diagonal, above, row[j])
			}
			diagonal, row[j+1] = above, cost
		}
	}
	return row[len(b)]
}
