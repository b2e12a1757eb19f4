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
}

// processEnvironment is the environment of this process.
func processEnvironment() *environment {
	return &environment{
		args: os.Args[1:], stdin: os.Stdin, stdout: os.Stdout, stderr: os.Stderr,
		getenv: os.Getenv, isTerminal: isTerminal, now: time.Now,
	}
}

func isTerminal(stream any) bool {
	file, ok := stream.(*os.File)
	return ok && term.IsTerminal(int(file.Fd()))
}

// colour reports whether stdout may be coloured (see https://no-color.org).
func (e *environment) colour() bool {
	return e.getenv("NO_COLOR") == "" && e.getenv("TERM") != "dumb" && e.isTerminal(e.stdout)
}
