package configs

import "strings"

// nearest returns the candidate that takes the fewest edits to become name,
// and whether it is close enough to be what was meant. Case and separators do
// not count.
func nearest(name string, candidates []string) (best string, near bool) {
	const longest = 80
	if len(name) > longest {
		return "", false
	}
	fewest := -1
	for _, c := range candidates {
		if d := distance(bare(name), bare(c)); fewest < 0 || d < fewest {
			best, fewest = c, d
		}
	}
	return best, fewest >= 0 && fewest <= max(1, len(bare(best))/3)
}

// bare returns the letters and digits of a name in lower case.
func bare(name string) string {
	return strings.Map(func(c rune) rune {
		if strings.ContainsRune("._- ", c) {
			return -1
		}
		return c
	}, strings.ToLower(name))
}

// distance counts the inserted, deleted, replaced and swapped bytes between two
// texts: the optimal string alignment distance.
func distance(a, b string) int {
	var earlier []int // two rows above
	above := make([]int, len(b)+1)
	for j := range above {
		above[j] = j
	}
	for i := range len(a) {
		row := make([]int, len(b)+1)
		row[0] = i + 1
		for j := range len(b) {
			replaced := above[j]
			if a[i] != b[j] {
				replaced++
			}
			row[j+1] = min(replaced, above[j+1]+1, row[j]+1)
			if i > 0 && j > 0 && a[i] == b[j-1] && a[i-1] == b[j] {
				row[j+1] = min(row[j+1], earlier[j-1]+1)
			}
		}
		earlier, above = above, row
	}
	return above[len(b)]
}
