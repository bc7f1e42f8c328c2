#!/bin/sh
# First process of the container, which ends with it, and its worker then by SIGKILL. So it ends last: after the silo, however that ended, it tells the
# worker to stop and waits until that has saved its checkpoint. In this order, or the silo would start the run again.
workers() {
    for process in /proc/[0-9]*; do
        case $(tr '\0' ' ' 2>/dev/null < "$process/cmdline") in *"CramGrains.Silo worker "*) echo "${process#/proc/}" ;; esac
    done 2>/dev/null
}

"$(dirname "$0")/silo/CramGrains.Silo" serve "$@" &
silo=$!
trap 'kill -TERM $silo' TERM INT
wait $silo; code=$?
while kill -0 $silo 2>/dev/null; do # a signal ends the wait, not the silo
    wait $silo; code=$?
done

trap '' TERM INT
workers | xargs -r kill -TERM
while [ -n "$(workers)" ]; do sleep 0.2; done
exit $code
