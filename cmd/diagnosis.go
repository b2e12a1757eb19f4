package cmd

import (
	"fmt"
	"strings"
	"time"

	"legwork/internal/doctor"
)

const (
	// diagnosisWidth is how wide remedies are set: what every terminal shows.
	diagnosisWidth = 80
	diagnosisTag   = 4  // of a level
	diagnosisCode  = 17 // of a code
)

// printReport prints findings for a person, the worst first:
//
//	FAIL  eviction_policy    allkeys-lru
//	      what to do about it, in a line or more
//	ok    redis_version      Redis 7.0.15
//
//	1 failure, no warnings, 1 ok
func (p *program) printReport(r *doctor.Report, where string) error {
	var out strings.Builder
	fmt.Fprintf(&out, "%s, examined in %s\n\n", clean(where), time.Duration(r.TookMS)*time.Millisecond)
	for _, f := range r.WorstFirst() {
		p.printFinding(&out, f)
	}
	fmt.Fprintf(&out, "\n%s\n", tally(r.Counts))
	_, err := fmt.Fprint(p.env.stdout, out.String())
	return err
}

func (p *program) printFinding(out *strings.Builder, f doctor.Finding) {
	value := f.Value
	if len(f.Nodes) > 0 {
		value += " (" + strings.Join(f.Nodes, ", ") + ")"
	}
	fmt.Fprintf(out, "%s  %-*s  %s\n", p.tag(f.Level), diagnosisCode, f.Code, clean(value))
	said := []string{f.Remedy}
	if len(f.Examples) > 0 {
		said = append([]string{"Such as " + strings.Join(f.Examples, ", ") + "."}, said...)
	}
	if f.RefusesStart {
		said = append(said, "legwork serve does not start like this.")
	}
	indent := strings.Repeat(" ", diagnosisTag+2)
	for _, text := range said {
		for _, line := range wrap(clean(text), diagnosisWidth-len(indent)) {
			out.WriteString(indent + line + "\n")
		}
	}
}

// tag is the level in a fixed width, coloured where that is wanted.
func (p *program) tag(l doctor.Level) string {
	word, colour := "ok", "32"
	switch l {
	case doctor.LevelFail:
		word, colour = "FAIL", "31"
	case doctor.LevelWarn:
		word, colour = "WARN", "33"
	case doctor.LevelUnknown:
		word, colour = "?", "36"
	}
	word = fmt.Sprintf("%-*s", diagnosisTag, word)
	if p.env.colour() {
		return "\x1b[" + colour + "m" + word + "\x1b[0m"
	}
	return word
}

func tally(counts map[doctor.Level]int) string {
	some := func(n int, one, many string) string {
		switch n {
		case 0:
			return "no " + many
		case 1:
			return "1 " + one
		}
		return fmt.Sprintf("%d %s", n, many)
	}
	parts := []string{
		some(counts[doctor.LevelFail], "failure", "failures"),
		some(counts[doctor.LevelWarn], "warning", "warnings"),
		fmt.Sprintf("%d ok", counts[doctor.LevelOK]),
	}
	if n := counts[doctor.LevelUnknown]; n > 0 {
		parts = append(parts, fmt.Sprintf("%d not known", n))
	}
	return strings.Join(parts, ", ")
}

// wrap breaks text at spaces into lines of at most width characters; a longer
// word has a line of its own. Empty text has no lines.
func wrap(text string, width int) []string {
	var lines []string
	line := ""
	for _, word := range strings.Fields(text) {
		if line != "" && len([]rune(line))+1+len([]rune(word)) > width {
			lines, line = append(lines, line), ""
		}
		if line != "" {
			line += " "
		}
		line += word
	}
	if line != "" {
		lines = append(lines, line)
	}
	return lines
}
