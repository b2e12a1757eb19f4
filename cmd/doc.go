// Package cmd is the command line of Legwork.
//
// The commands that talk to a server are clients of its HTTP API. Data goes to
// stdout, what is meant for people to stderr; --json prints the API's JSON as it
// came. Exit codes are listed by `legwork help exit-codes`.
package cmd
