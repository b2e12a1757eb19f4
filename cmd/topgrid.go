package cmd

import (
	"cmp"
	"fmt"
	"strings"
	"time"

	"github.com/charmbracelet/lipgloss"

	"legwork/client"
)

// column is one of a grid: it is left out, the ones of the highest rank first, when
// the terminal is too narrow for all.
type column struct {
	title string
	full  string // the title where no other one stands before it; "" when it is the same
	width int    // of its cells, in columns of the terminal
	left  bool   // aligned to the left; numbers are to the right
	rank  int
}

func (c column) fullTitle() string { return cmp.Or(c.full, c.title) }

// gap is between two columns.
const gap = 2

// grid lays out rows of cells in the columns. The first column takes what the others
// leave of the width, up to its own; of that it gets wideMin, whatever it costs the
// others.
type grid struct {
	columns []column
	rows    [][]string
}

// wideMin is the least width of a grid's first column, if it is not narrower itself.
const wideMin = 16

// fit returns which columns have room in the width, and how wide the first one is.
func (g grid) fit(width int) (shown []int, first int) {
	for highest := 9; ; highest-- {
		shown, first = shown[:0], width
		for i, c := range g.columns {
			if i > 0 && c.rank > highest {
				continue
			}
			shown = append(shown, i)
			if i > 0 {
				first -= gap + c.width
			}
		}
		if own := g.columns[0].width; first >= min(wideMin, own) || len(shown) == 1 {
			return shown, max(1, min(first, own, width))
		}
	}
}

// lines returns the title and the rows, none wider than the width. Style is called
// with each row's number, -1 for the title, and a padded cell of a column.
func (g grid) lines(width int, style func(row, column int, cell string) string) []string {
	shown, first := g.fit(width)
	titles := make([]string, len(g.columns))
	for i, c := range g.columns {
		titles[i] = c.title
	}
	var out []string
	for n, row := range append([][]string{titles}, g.rows...) {
		var line strings.Builder
		for k, i := range shown {
			c := g.columns[i]
			if k == 0 {
				c.width = first
			} else {
				line.WriteString(style(n-1, -1, strings.Repeat(" ", gap)))
			}
			line.WriteString(style(n-1, i, c.pad(row[i])))
		}
		out = append(out, line.String())
	}
	return out
}

// pad makes a cell as wide as the column.
func (c column) pad(text string) string {
	text = cut(text, c.width)
	space := strings.Repeat(" ", c.width-lipgloss.Width(text))
	if c.left {
		return text + space
	}
	return space + text
}

// cut shortens text to at most so many columns of a terminal, and shows that it did.
func cut(text string, width int) string {
	if lipgloss.Width(text) <= width {
		return text
	}
	if width <= 0 {
		return ""
	}
	var b strings.Builder
	room := width - 1
	for _, r := range text {
		if room -= lipgloss.Width(string(r)); room < 0 {
			break
		}
		b.WriteRune(r)
	}
	return b.String() + "…"
}

// amount words a number in at most five characters.
func amount(n float64) string {
	switch {
	case n <= 0:
		return "0"
	case n < 0.01:
		return "<0.01"
	case n < 9.95:
		return strings.TrimSuffix(strings.TrimRight(fmt.Sprintf("%.2f", n), "0"), ".")
	case n < 9999.5:
		return fmt.Sprintf("%.0f", n)
	}
	for _, unit := range []string{"k", "M", "G"} {
		n /= 1000
		switch {
		case n < 99.95:
			return fmt.Sprintf("%.1f%s", n, unit)
		case n < 999.5:
			return fmt.Sprintf("%.0f%s", n, unit)
		}
	}
	return "many"
}

// brief words a duration in at most six characters: "1.2ms", "850ms", "3.2s", "5m".
func brief(d time.Duration) string {
	switch {
	case d <= 0:
		return "0s"
	case d < 10*time.Millisecond:
		return fmt.Sprintf("%.1fms", d.Seconds()*1e3)
	case d < time.Second:
		return fmt.Sprintf("%.0fms", d.Seconds()*1e3)
	case d < 10*time.Second:
		return fmt.Sprintf("%.1fs", d.Seconds())
	}
	return span(d)
}

// quantiles words the three of them, or none.
func quantiles(q *client.Quantiles) []string {
	if q == nil {
		return []string{"", "", ""}
	}
	return []string{brief(time.Duration(q.P50)), brief(time.Duration(q.P95)), brief(time.Duration(q.P99))}
}
