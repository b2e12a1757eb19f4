package cmd

import (
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/charmbracelet/lipgloss"
	"github.com/muesli/termenv"
)

// topStyle is how parts of the view look.
type topStyle struct {
	title, dim, warn, bad, chosen lipgloss.Style
}

// newTopStyle colours with the terminal's own 16 colours, or not at all.
func newTopStyle(out io.Writer, colour bool) topStyle {
	r := lipgloss.NewRenderer(out)
	r.SetColorProfile(termenv.Ascii)
	if colour {
		r.SetColorProfile(termenv.ANSI)
	}
	ink := func(n string) lipgloss.Style { return r.NewStyle().Foreground(lipgloss.Color(n)) }
	return topStyle{title: r.NewStyle().Bold(true), dim: r.NewStyle().Faint(true), warn: ink("3"), bad: ink("1"), chosen: r.NewStyle().Reverse(true)}
}

// The least terminal that the view is drawn on.
const (
	topWidthMin  = 24
	topHeightMin = 8
)

// topFixed is the lines beside the tables: two of the head, banner and keys.
const topFixed = 4

// View implements [tea.Model].
func (m topModel) View() string {
	var lines []string
	switch {
	case m.width == 0:
		return ""
	case m.width < topWidthMin || m.height < topHeightMin:
		return cut(fmt.Sprintf("at least %dx%d; q quits", topWidthMin, topHeightMin), m.width)
	case m.help:
		lines = m.helpLines()
	default:
		lines = append(m.head(), m.banner())
		lines = append(lines, m.tables(m.height-topFixed)...)
	}
	for len(lines) < m.height-1 {
		lines = append(lines, "")
	}
	return strings.Join(append(lines[:m.height-1], m.legend()), "\n")
}

// head is the name of the server, the time of the picture, and its figures.
func (m topModel) head() []string {
	at := m.shown.At.Local().Format(time.TimeOnly)
	name := "legwork top  " + clean(m.server)
	if room := m.width - len(at) - gap; room >= lipgloss.Width(name) {
		name += strings.Repeat(" ", room+gap-lipgloss.Width(name)) + at
	}
	return []string{m.style.title.Render(cut(name, m.width)), cut(m.shown.figures(), m.width)}
}

// figures words the picture in a line.
func (p *topPicture) figures() string {
	return fmt.Sprintf("workers %d  slots %d  active %d  in %s/s  done %s/s  failed %s/s",
		p.living(), p.Slots, p.Active, amount(p.Enqueued), amount(p.Finished), amount(p.Failed))
}

// banner says what people have to know or to answer; "" when there is nothing.
func (m topModel) banner() string {
	text, style := "", m.style.warn
	switch {
	case m.asking != "":
		verb := "pause"
		if q := m.queue(m.asking); q != nil && q.Paused {
			verb = "resume"
		}
		text = fmt.Sprintf("%s queue %s? y: yes, any other key: no", verb, m.asking)
	case m.lost != nil:
		text, style = "no answer, trying again: "+m.words(m.lost), m.style.bad
	case m.notice != "":
		text = m.notice
	case m.held:
		text = "held; space goes on"
	case m.shown.living() == 0:
		text = "no worker is running"
	}
	return style.Render(cut(clean(text), m.width))
}

func (m topModel) legend() string {
	text := fmt.Sprintf("q quit  ↑↓ select  p pause  s sort: %s  space hold  ? help", topSortings()[m.sorting].name)
	return m.style.dim.Render(cut(text, m.width))
}

func (m topModel) helpLines() []string {
	lines := []string{m.style.title.Render("legwork top"), ""}
	for _, text := range []string{
		"q        quit",
		"up down  select a queue (also k j; g G: first, last)",
		"p        pause or resume the selected queue; asks before it does",
		"s        sort the queues by name, backlog, age, out, dead",
		"space    hold the view still, and go on",
		"?        this help, and back",
		"",
		"BACKLOG  jobs that could start now",
		"AGE      how long the next one of them has been waiting",
		"IN OUT   jobs that came in and that ended, over 5 minutes",
		"DRAIN    when the backlog is worked off, at the pace of the last",
		"         minute; never when it does not shrink",
		"WAIT RUN half, 95 and 99 of 100 attempts waited or ran no longer",
		"TREND    jobs that ended in each minute",
		"FAILING  open and regressed failure groups: legwork failures show",
		"WORKER   processes that run jobs, and their slots: legwork workers",
		"",
		fmt.Sprintf("Counts and times are those of the last %d minutes.", topMinutes),
	} {
		lines = append(lines, cut(text, m.width))
	}
	return lines
}

// tables lays the tables out in so many lines. The lowest ones go when there is too
// little room.
func (m topModel) tables(room int) []string {
	wants := []int{len(m.shown.Queues)}
	var lower []topTable
	for _, t := range []topTable{{typeGrid(m.shown.Types), typeFailed}, {failingGrid(m.shown.Failing, m.now()), -1}, {workerGrid(m.shown.Workers, m.now()), -1}} {
		if len(t.rows) > 0 && room >= 3*(len(wants)+1) { // a title, a row and a line between
			lower, wants = append(lower, t), append(wants, len(t.rows))
		}
	}
	rows := shares(room-2*len(wants)+1, wants)
	lines := m.queueLines(rows[0])
	for n, t := range lower {
		lines = append(append(lines, ""), m.plainLines(t.grid, rows[n+1], t.bad)...)
	}
	return lines
}

// topTable is a table below that of the queues, and the column of it where anything but
// "0" is bad, or -1.
type topTable struct {
	grid
	bad int
}

// shares divides rows between tables: each gets what it wants, or an even share of what
// the others leave.
func shares(room int, wants []int) []int {
	got := make([]int, len(wants))
	for given := true; given && room > 0; {
		given = false
		for i := range wants {
			if got[i] < wants[i] && room > 0 {
				got[i]++
				room--
				given = true
			}
		}
	}
	return got
}

// queueLines shows the table of the queues, so many of them with the selected one.
func (m topModel) queueLines(room int) []string {
	all := m.shown.Queues
	from := min(max(0, m.place(m.selected)-room+1), max(0, len(all)-room))
	shown := all[from:min(from+room, len(all))]
	g := queueGrid(shown)
	g.crop(len(shown), len(all))
	return g.lines(m.width, func(row, column int, cell string) string {
		switch {
		case row < 0:
			return m.style.dim.Render(cell)
		case shown[row].Name == m.selected && column == 0:
			return m.style.chosen.Render(">" + cell[1:])
		case shown[row].Name == m.selected:
			return m.style.chosen.Render(cell)
		case m.lost != nil:
			return m.style.dim.Render(cell)
		case column == 0 && (shown[row].Paused || shown[row].Weight == 0):
			return m.style.warn.Render(cell)
		case column == queueDead && shown[row].States["archived"] > 0:
			return m.style.bad.Render(cell)
		}
		return cell
	})
}

// plainLines shows the first rows of a table, and what is not "0" in a column of it as
// bad.
func (m topModel) plainLines(g grid, room, bad int) []string {
	all := len(g.rows)
	g.rows = g.rows[:room]
	g.crop(room, all)
	return g.lines(m.width, func(row, column int, cell string) string {
		switch {
		case row < 0 || m.lost != nil:
			return m.style.dim.Render(cell)
		case column == bad && strings.TrimSpace(cell) != "0":
			return m.style.bad.Render(cell)
		}
		return cell
	})
}

// crop says in the first title how many of all rows there are, when some are left out,
// and sets the first column in, for the mark of the selected row.
func (g *grid) crop(shown, all int) {
	first := &g.columns[0]
	if shown < all {
		first.title = fmt.Sprintf("%s (%d of %d)", first.title, shown, all)
	}
	for _, row := range g.rows {
		row[0] = "  " + row[0]
	}
	first.width = max(first.width+2, len(first.title))
}
