#!/bin/sh
# fuzz.sh TIME: run every fuzz test for that long.
set -eu
for file in $(grep -rl --include='*_test.go' '^func Fuzz' .); do
	dir=$(dirname "$file")
	for name in $(sed -n 's/^func \(Fuzz[A-Za-z0-9_]*\).*/\1/p' "$file"); do
		echo "== $dir $name"
		go test -run '^$' -fuzz "^$name\$" -fuzztime "$1" "$dir"
	done
done
