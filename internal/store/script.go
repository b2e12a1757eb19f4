package store

import (
	"embed"
	"regexp"
	"strings"

	"github.com/redis/go-redis/v9"
)

//go:embed lua/*.lua
var libraries embed.FS

// Script loads lua/<name>.lua out of a room's own scripts. A line "-- Uses x.lua."
// in it puts the library lua/x.lua of this room before it. The files are embedded,
// so a missing one is a programmer's error.
func Script(files embed.FS, name string) *redis.Script {
	src := mustRead(files, name)
	var all strings.Builder
	for _, m := range usesLine.FindAllStringSubmatch(src, -1) {
		all.WriteString(mustRead(libraries, m[1]))
	}
	all.WriteString(src)
	return redis.NewScript(all.String())
}

var usesLine = regexp.MustCompile(`(?m)^-- Uses (\w+)\.lua\.$`)

func mustRead(files embed.FS, name string) string {
	src, err := files.ReadFile("lua/" + name + ".lua")
	if err != nil {
		panic(err)
	}
	return string(src)
}
