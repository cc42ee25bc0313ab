#!/bin/sh
# A systemd user manager in mounts of its own, for as long as "$@" runs under it; needs root.
set -e
if [ "$1" != inside ]; then exec unshare --mount --propagation private "$0" inside "$@"; fi
shift
mount -t tmpfs tmpfs /sys/fs/cgroup
mount -t cgroup2 cgroup2 /sys/fs/cgroup
mount -t tmpfs tmpfs /run/systemd
mkdir /run/systemd/system  # without it systemd takes the machine for one that it has not started
group=/sys/fs/cgroup/nbdash-test-$$
mkdir "$group"
trap 'kill "$manager" 2>/dev/null; wait "$manager" 2>/dev/null; find "$group" -depth -type d -exec rmdir {} +' EXIT
sh -c 'echo $$ >"$0/cgroup.procs"; exec /lib/systemd/systemd --user --log-target=console' "$group" >&2 &
manager=$!
for _ in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20; do
    if systemctl --user is-system-running >&2; then break; fi
    sleep 0.5
done
"$@"
