package cmd

import (
	"io"
	"os"
	"time"

	"golang.org/x/term"
)

// environment is all that a command sees of the process it runs in.
type environment struct {
	args       []string // without the program's name
	stdin      io.Reader
	stdout     io.Writer
	stderr     io.Writer
	getenv     func(string) string
	isTerminal func(stream any) bool
	now        func() time.Time
	width      func() int // columns of the terminal that stdout is; 0 when it is none. May be nil
}

// processEnvironment is the environment of this process.
func processEnvironment() *environment {
	return &environment{
		args: os.Args[1:], stdin: os.Stdin, stdout: os.Stdout, stderr: os.Stderr,
		getenv: os.Getenv, isTerminal: isTerminal, now: time.Now, width: func() int { return widthOf(os.Stdout) },
	}
}

func isTerminal(stream any) bool {
	file, ok := stream.(*os.File)
	return ok && term.IsTerminal(int(file.Fd()))
}

// widthOf returns the columns of the terminal that the file is, 0 when it is none.
func widthOf(file *os.File) int {
	width, _, err := term.GetSize(int(file.Fd()))
	if err != nil {
		return 0
	}
	return width
}

// columns returns how wide lines may be; 0 for as wide as they are.
func (e *environment) columns() int {
	if e.width == nil || !e.isTerminal(e.stdout) {
		return 0
	}
	return e.width()
}

// colour reports whether stdout may be coloured (see https://no-color.org).
func (e *environment) colour() bool {
	return e.getenv("NO_COLOR") == "" && e.getenv("TERM") != "dumb" && e.isTerminal(e.stdout)
}
