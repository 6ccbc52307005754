#!/bin/sh
# `make demo`: a few schedules on their way from files into a bucket and to a task, on a NATS server that runs only for
# this.
# It works on a copy in a temporary folder. However it ends, it stops the server and removes the folder.
set -eu

example=$(cd "$(dirname "$0")" && pwd)
work=$(mktemp -d "${TMPDIR:-/tmp}/ajsync-demo.XXXXXX")
server=
scheduler=

finish() {
    status=$?
    trap '' INT TERM HUP
    for process in $scheduler $server; do
        kill "$process" 2>/dev/null || :
        wait "$process" || :
    done
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
export PAGER=cat # a demo does not wait for a key

say "Start a NATS server in the background."
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

say "Check the files, which needs no server, and compare them with the bucket, which is empty."
run "ajsync validate"
run "ajsync plan"
run "ajsync apply --yes"
run "ajsync list"

say "Change a schedule: the digest goes out an hour later."
run "sed -i.old 's/30 7 \* \* mon/30 8 * * mon/' schedules/email.yaml"
run "ajsync plan"
run "ajsync apply --yes"

say "Remove a schedule from its file, and the apply deletes it."
run "sed -i.old '/REPORT_STOCK:/,/^\$/d' schedules/reports.yaml"
run "ajsync plan"
run "ajsync apply --yes"

say "Files and bucket are now the same. Otherwise --detailed-exitcode would end the plan with 2."
run "ajsync plan --detailed-exitcode"

say "Add a schedule that is due every three seconds, and run a scheduler until it has made a task."
run "printf 'schedules:\n  HEARTBEAT: {schedule: \"@every 3s\", queue: EMAIL, task_type: heartbeat}\n' >schedules/heartbeat.yaml"
run "ajsync apply --yes"
printf '$ ajsync scheduler demo &\n'
ajsync scheduler demo >"$work/scheduler.log" 2>&1 &
scheduler=$!
until ajsync history HEARTBEAT --json | grep -q '"state": "new"'; do
    if ! kill -0 "$scheduler" 2>/dev/null; then
        cat "$work/scheduler.log" >&2
        exit 1
    fi
    sleep 0.5
done
run "ajsync history HEARTBEAT"

say "Done. The server stops and the temporary folder is removed."
