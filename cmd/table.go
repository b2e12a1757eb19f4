package cmd

import (
	"io"
	"slices"
	"strings"
	"text/tabwriter"
	"unicode"

	"github.com/charmbracelet/lipgloss"
)

// table prints rows in aligned columns. What is in the cells may come from
// anybody, so everything that is not printable is taken out.
type table struct {
	header []string // none is printed when nil
	rows   [][]string
	state  int  // index of the column that holds a state, to be coloured
	colour bool // whether to colour it
}

func (t *table) add(cells ...string) { t.rows = append(t.rows, cells) }

func (t *table) print(w io.Writer) error {
	out := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	rows := t.rows
	if t.header != nil {
		rows = append([][]string{t.header}, rows...)
	}
	for _, row := range rows {
		cells := make([]string, len(row))
		for i, cell := range row {
			cells[i] = clean(cell)
			if cells[i] == "" {
				cells[i] = "-"
			}
			if i == t.state && t.colour {
				cells[i] = paint(cells[i])
			}
		}
		if _, err := io.WriteString(out, strings.Join(cells, "\t")+"\n"); err != nil {
			return err
		}
	}
	return out.Flush()
}

// fit cuts the cells of the last column, to no less than least, so that no row is wider
// than the width; 0 is any width. Before that it leaves out the columns with the spare
// titles, one after the other, until the last one has its least.
func (t *table) fit(width, least int, spare ...string) {
	if width <= 0 || len(t.header) == 0 {
		return
	}
	room := t.room(width)
	for _, title := range spare {
		if at := slices.Index(t.header, title); at >= 0 && room < least {
			t.drop(at)
			room = t.room(width)
		}
	}
	last := len(t.header) - 1
	for _, row := range t.rows {
		row[last] = cut(clean(row[last]), max(room, least))
	}
}

// room is what the other columns leave of the width to the last one.
func (t *table) room(width int) int {
	for i, title := range t.header[:len(t.header)-1] {
		widest := lipgloss.Width(title)
		for _, row := range t.rows {
			widest = max(widest, lipgloss.Width(clean(row[i])))
		}
		width -= widest + gap
	}
	return width
}

// drop leaves a column out.
func (t *table) drop(at int) {
	t.header = slices.Delete(t.header, at, at+1)
	for n, row := range t.rows {
		t.rows[n] = slices.Delete(row, at, at+1)
	}
	if at < t.state {
		t.state--
	}
}

// paint colours a state. Every other word gets the default colour, since
// tabwriter aligns only what carries equally long escape sequences.
func paint(word string) string {
	return "\x1b[" + shade(word) + "m" + word + "\x1b[0m"
}

// shade returns the two-digit SGR code (ECMA-48, 8.3.117) for a state.
func shade(state string) string {
	switch state {
	case "active":
		return "34"
	case "pending":
		return "36"
	case "scheduled":
		return "35"
	case "retry", "paused", "quiet", "stopping", "unserved":
		return "33"
	case "completed", "running", "resolved":
		return "32"
	case "archived", "regressed", "lost":
		return "31"
	}
	return "39"
}

// clean makes s fit for one cell of a terminal: one line, nothing but printable
// characters.
func clean(s string) string {
	return strings.TrimSpace(strings.Map(func(r rune) rune {
		if unicode.IsPrint(r) {
			return r
		}
		return ' '
	}, s))
}

// cleanLines is clean for text of several lines; it keeps them and their indent.
func cleanLines(s string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsPrint(r) || r == '\n' {
			return r
		}
		return ' '
	}, s)
}

// short cuts s to at most n characters.
func short(s string, n int) string {
	runes := []rune(s)
	if len(runes) <= n {
		return s
	}
	return string(runes[:n-3]) + "..."
}
