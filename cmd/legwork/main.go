// Command legwork runs background jobs: the server, its workers and the command
// line, with the job types that Legwork ships.
package main

import "legwork/cmd"

func main() { cmd.MainWithConfig(cmd.Shipped) }
