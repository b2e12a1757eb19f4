// Package archive keeps lines in files: NDJSON, compressed, rotated by size and by
// day, on disk before a write counts as done. A file is one gzip member per write,
// so that a process that dies in the middle of one spoils no earlier line; zcat and
// [Lines] read it.
package archive
