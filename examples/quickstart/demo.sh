#!/bin/sh
# What `make demo` shows: the way of a few schedules from files into a bucket, on a NATS server that is here for that only.
# Works on a copy in a temporary folder, which is gone afterwards, as is the server, however this ends.
set -eu

example=$(cd "$(dirname "$0")" && pwd)
work=$(mktemp -d "${TMPDIR:-/tmp}/ajsync-demo.XXXXXX")
server=

finish() {
    status=$?
    trap '' INT TERM HUP
    if [ -n "$server" ]; then
        kill "$server" 2>/dev/null || :
        wait "$server" || :
    fi
    rm -rf "$work"
    exit "$status"
}
trap finish EXIT
trap 'exit 130' INT
trap 'exit 143' TERM
trap 'exit 129' HUP

say() {
    printf '\n# %s\n' "$1"
}

run() {
    printf '$ %s\n' "$1"
    eval "$1"
}

cp -R "$example/." "$work/quickstart"
cd "$work/quickstart"
export XDG_CONFIG_HOME="$work/config"
export PAGER=cat # nobody is asked to page through a demo

say "A NATS server of its own, in the background."
printf '$ ajsync dev &\n'
ajsync dev >"$work/dev.log" 2>&1 &
server=$!
until [ -e "$XDG_CONFIG_HOME/nats/context/ajsync-dev.json" ]; do
    if ! kill -0 "$server" 2>/dev/null; then
        cat "$work/dev.log" >&2
        exit 1
    fi
    sleep 0.1
done
cat "$work/dev.log"

say "The files are checked without a server; then they are compared with its bucket, which is empty."
run "ajsync validate"
run "ajsync plan"
run "ajsync apply --yes"
run "ajsync list"

say "A change: the digest goes out an hour later."
run "sed -i.old 's/30 7 \* \* mon/30 8 * * mon/' schedules/email.yaml"
run "ajsync plan"
run "ajsync apply --yes"

say "A schedule that is in no file any more is deleted."
run "sed -i.old '/REPORT_STOCK:/,/^\$/d' schedules/reports.yaml"
run "ajsync plan"
run "ajsync apply --yes"

say "Now files and bucket are the same. With --detailed-exitcode the plan would otherwise end with 2."
run "ajsync plan --detailed-exitcode"

say "That is all. The server and the temporary folder go away again."
