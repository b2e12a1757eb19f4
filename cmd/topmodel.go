package cmd

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	tea "github.com/charmbracelet/bubbletea"
)

// topEvery is how often `legwork top` looks.
const topEvery = time.Second

// What happens to a topModel, beside keys and sizes.
type (
	topLook  struct{} // it is time for the next picture
	topShown struct {
		picture *topPicture
		err     error
	}
	topTurned struct {
		queue string
		pause bool
		err   error
	}
)

// topModel is the live view. It is a value: [topModel.Update] returns the next one.
type topModel struct {
	ctx    context.Context //nolint:containedctx // of the program; bubbletea's commands get none
	source topSource
	words  func(error) string // an error as people are told
	now    func() time.Time
	every  time.Duration // between a picture and the next look
	server string
	style  topStyle

	width, height int
	shown         *topPicture
	lost          error  // why there is no newer one
	held          bool   // newer ones are not shown
	selected      string // a queue
	sorting       int    // index into topSortings
	asking        string // a queue to be turned, if the next key is y
	notice        string
	help          bool
}

// topSorting is an order of the queues.
type topSorting struct {
	name    string
	compare func(a, b topQueue) int
}

func topSortings() []topSorting {
	return []topSorting{
		{"name", func(a, b topQueue) int { return strings.Compare(a.Name, b.Name) }},
		{"backlog", func(a, b topQueue) int { return cmp.Compare(b.Backlog, a.Backlog) }},
		{"age", func(a, b topQueue) int { return cmp.Compare(b.OldestPendingAge, a.OldestPendingAge) }},
		{"out", func(a, b topQueue) int { return cmp.Compare(b.Throughput, a.Throughput) }},
		{"dead", func(a, b topQueue) int { return cmp.Compare(b.States["archived"], a.States["archived"]) }},
	}
}

// arrangeQueues puts the queues into an order, those that are equal in it by name.
func arrangeQueues(all []topQueue, sorting int) {
	by := topSortings()
	slices.SortFunc(all, func(a, b topQueue) int { return cmp.Or(by[sorting].compare(a, b), by[0].compare(a, b)) })
}

// Init implements [tea.Model]. The first picture is there.
func (m topModel) Init() tea.Cmd { return m.wait() }

func (m topModel) wait() tea.Cmd {
	return tea.Tick(m.every, func(time.Time) tea.Msg { return topLook{} })
}

func (m topModel) look() tea.Msg {
	p, err := m.source.picture(m.ctx)
	return topShown{p, err}
}

// Update implements [tea.Model].
func (m topModel) Update(msg tea.Msg) (tea.Model, tea.Cmd) {
	switch msg := msg.(type) {
	case tea.WindowSizeMsg:
		m.width, m.height = msg.Width, msg.Height
	case topLook:
		return m, m.look
	case topShown:
		m.lost = msg.err
		if msg.err == nil && !m.held {
			m.shown = msg.picture
			m.arrange()
		}
		return m, m.wait()
	case topTurned:
		m.notice = fmt.Sprintf("%s is %s", msg.queue, map[bool]string{true: "paused", false: "running"}[msg.pause])
		if msg.err != nil {
			m.notice = m.words(msg.err)
		}
	case tea.KeyMsg:
		return m.keys(msg)
	}
	return m, nil
}

// keys takes what was read from the terminal at once: of somebody quick, several keys.
func (m topModel) keys(msg tea.KeyMsg) (tea.Model, tea.Cmd) {
	if msg.Type != tea.KeyRunes || msg.Alt || msg.Paste {
		return m.key(msg.String())
	}
	var todo []tea.Cmd
	for _, r := range msg.Runes {
		var cmd tea.Cmd
		m, cmd = m.key(string(r))
		todo = append(todo, cmd)
	}
	return m, tea.Batch(todo...)
}

func (m topModel) key(key string) (topModel, tea.Cmd) {
	if key == "q" || key == "ctrl+c" {
		return m, tea.Quit
	}
	asked := m.asking
	m.asking, m.notice = "", ""
	if asked != "" {
		if q := m.queue(asked); key == "y" && q != nil {
			return m, m.turn(asked, !q.Paused)
		}
		m.notice = "nothing was changed"
		return m, nil
	}
	switch key {
	case "esc":
		m.help = false
	case "?", "h":
		m.help = !m.help
	case " ":
		m.held = !m.held
	case "up", "k":
		m.move(-1)
	case "down", "j":
		m.move(1)
	case "home", "g":
		m.move(-len(m.shown.Queues))
	case "end", "G":
		m.move(len(m.shown.Queues))
	case "s":
		m.sorting = (m.sorting + 1) % len(topSortings())
		m.arrange()
	case "p":
		if m.queue(m.selected) != nil {
			m.asking = m.selected
		}
	}
	return m, nil
}

// turn pauses or resumes a queue, out of the way of the keys.
func (m topModel) turn(queue string, pause bool) tea.Cmd {
	return func() tea.Msg { return topTurned{queue, pause, m.source.turn(m.ctx, queue, pause)} }
}

func (m topModel) queue(name string) *topQueue {
	if n := m.place(name); n >= 0 {
		return &m.shown.Queues[n]
	}
	return nil
}

func (m topModel) place(name string) int {
	return slices.IndexFunc(m.shown.Queues, func(q topQueue) bool { return q.Name == name })
}

// arrange sorts the queues and sees that one is selected.
func (m *topModel) arrange() {
	all := m.shown.Queues
	arrangeQueues(all, m.sorting)
	if m.place(m.selected) < 0 {
		m.selected = ""
		if len(all) > 0 {
			m.selected = all[0].Name
		}
	}
}

// move selects another queue, so many rows down.
func (m *topModel) move(rows int) {
	if all := m.shown.Queues; len(all) > 0 {
		m.selected = all[min(max(m.place(m.selected)+rows, 0), len(all)-1)].Name
	}
}
