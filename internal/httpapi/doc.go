// Package httpapi is the HTTP API: it turns requests into calls of the engine
// and the inspector, and their errors into problem details. It is the only
// package that knows echo and huma.
package httpapi
