#!/bin/sh
# need.sh COMMAND PACKAGE: make sure the command is there; install its package
# where that is possible, else say what to do and fail.
set -eu
command=$1 package=$2
command -v "$command" >/dev/null 2>&1 && exit 0
if command -v apt-get >/dev/null 2>&1 && [ "$(id -u)" = 0 ]; then
	echo "installing $package" >&2
	apt-get update -qq >/dev/null && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq "$package" >/dev/null
elif command -v brew >/dev/null 2>&1; then
	echo "installing $package" >&2
	brew install "${package%-server}"
fi
if ! command -v "$command" >/dev/null 2>&1; then
	echo "the tests need $command, and it could not be installed here; install the package $package and run again" >&2
	exit 1
fi
