#!/bin/sh
# startup.sh [RUNS]: how long `legwork dev` takes from its start to its first
# answered request, in milliseconds; the binary is built before. Prints
# minimum, median and maximum.
set -eu
runs=${1:-9}
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
go build -trimpath -ldflags '-s -w' -o "$dir/legwork" ./cmd/legwork
cd "$dir"
i=0
while [ "$i" -lt "$runs" ]; do
	rm -rf .legwork
	port=$(( 20000 + ($$ + i * 7) % 20000 ))
	begin=$(date +%s%N)
	./legwork dev --http-addr "127.0.0.1:$port" >/dev/null 2>&1 &
	pid=$!
	until curl -sf -o /dev/null "http://127.0.0.1:$port/readyz"; do :; done
	end=$(date +%s%N)
	kill -INT "$pid"
	wait "$pid" || true
	echo $(( (end - begin) / 1000000 ))
	i=$((i + 1))
done | sort -n | awk '{v[NR]=$1} END {print "min " v[1] " ms, median " v[int((NR+1)/2)] " ms, max " v[NR] " ms"}'
