#!/bin/sh
# SPDX-FileCopyrightText: The usher authors
# SPDX-License-Identifier: Apache-2.0

# Starts the demo and, once it answers, prints what to open. Run by `make demo`.
set -eu
cd "$(dirname "$0")/../.."

bin/usher run --config Caddyfile &
server=$!
trap 'kill "$server" 2>/dev/null; wait "$server" 2>/dev/null' EXIT
trap 'exit 0' INT TERM

# Who works for both publishers, for the dashboard. The store is asked for a link
# until it is open.
for try in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20; do
	if link=$(bin/usher staff invite --config Caddyfile --publisher 100000001,100000002 owner@example.com 2>/dev/null | grep -o 'http://[^ ]*'); then
		cat examples/demo/hello.txt
		printf '  Staff  %s\n         makes the account of the first owner, once; then http://hub.localhost:8080/admin\n\n  Stop with Ctrl-C.\n\n' "$link"
		break
	fi
	kill -0 "$server" 2>/dev/null || exit 1
	sleep 0.25
done
wait "$server"
