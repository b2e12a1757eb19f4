// Package failure tells failures apart: those that have one cause get one
// fingerprint, whatever ids, numbers and addresses their messages carry.
package failure
