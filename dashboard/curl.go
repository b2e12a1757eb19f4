package dashboard

import "strings"

// origin stands for the server's address in commands to copy; the script puts in the one
// that the page came from.
const origin = "$LEGWORK_API_URL"

// command is a call of the API as a line for a shell.
func command(method, path, body string) string {
	out := "curl -s"
	if method != "GET" {
		out += " -X " + method
	}
	out += ` "` + origin + path + `"`
	if body != "" {
		out += " -H 'Content-Type: application/json' -d '" + strings.ReplaceAll(body, "'", `'\''`) + "'"
	}
	return out
}
