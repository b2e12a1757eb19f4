// Package client is the Go client of Legwork's HTTP API, and the wire types
// that the server itself uses. It imports the standard library only.
package client
