// Package inspect is the control plane: it reads jobs and queues straight from
// the shapes that asynq keeps in Redis, and moves jobs between states on a
// person's word. Reads are bounded and tolerant: a job that moves on while a
// page is read is passed over, never an error.
package inspect
