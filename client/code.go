package client

// The codes of a [Problem].
const (
	CodeInvalidJSON    = "invalid_json"           // the body is not one JSON value, or repeats a name
	CodeInvalidRequest = "invalid_request"        // a field, parameter or header is wrong
	CodeInvalidPayload = "invalid_payload"        // the payload fails its type's schema
	CodeUnknownType    = "unknown_type"           // nobody registered this job type
	CodeNotFound       = "not_found"              // no such job, queue or type
	CodeConflict       = "conflict"               // the id is used, or the state forbids the action
	CodeTooLarge       = "too_large"              // body, payload or batch over its limit
	CodeUnsupported    = "unsupported_media_type" // the body is of a kind the call does not take
	CodeUnavailable    = "unavailable"            // Redis cannot be reached; try again
	CodeInternal       = "internal"               // a defect of Legwork
)

// CodeUnexpected marks a [Problem] that this client made from an answer that
// was no problem document: somebody else than Legwork answered, such as a proxy
// or another server on that address. No server sends it.
const CodeUnexpected = "unexpected_answer"
