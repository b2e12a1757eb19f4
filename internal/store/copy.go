package store

import "strings"

// Copy is what a job's hash tells of the edited copy that was retried in its place, in
// [FieldRetriedAs]. It is noted before the copy is stored, which may be in another slot,
// and again afterwards.
type Copy struct {
	ID   string
	Edit string // digest of what was edited
	Call string // the last call that went about storing it; "" once it is known to be stored
}

// Encode returns the words of the copy, or "" for none.
func (c Copy) Encode() string {
	return strings.TrimSpace(strings.Join([]string{c.ID, c.Edit, c.Call}, " "))
}

// ParseCopy reads what [Copy.Encode] wrote.
func ParseCopy(text string) Copy {
	var c Copy
	c.ID, text, _ = strings.Cut(text, " ")
	c.Edit, c.Call, _ = strings.Cut(text, " ")
	return c
}
