// Package app is the composition root: it builds the parts that a process's
// roles need from the configuration and the registry, starts them in order and
// stops them in reverse.
package app
