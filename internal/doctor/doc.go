// Package doctor examines the Redis that Legwork stands on and the jobs in it,
// and says what to do about what it finds. It reads only: nothing is repaired.
//
// [Doctor.Examine] is all of it, for a person who asks; [Doctor.ExamineServer] is
// the part that a process looks at before it starts. Each check is on its own: one
// that fails or is refused (CONFIG on a managed Redis, INFO on the embedded one)
// becomes a finding of level unknown and stops no other. What would take long on
// a large Redis is sampled, and the finding says how far it looked.
package doctor
