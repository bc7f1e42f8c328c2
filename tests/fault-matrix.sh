#!/usr/bin/env bash
# Runs the whole fault matrix against real processes: silos, workers, Redis, network namespaces, a full disk. Needs redis-server; as root also partitions and
# full disks. Takes about half an hour on two cores. With --soak, thirty short runs under a fault every ten seconds follow. With --figures, the promised times are
# measured instead, five times each: that wants a machine with nothing else to do.
set -euo pipefail
cd "$(dirname "$0")/.."
[ $# -eq 0 ] || [ "$1" = "--soak" ] || [ "$1" = "--figures" ] || { echo "Usage: $0 [--soak|--figures]" >&2; exit 2; }

command -v redis-server >/dev/null || { echo "redis-server is missing: apt-get install redis-server" >&2; exit 1; }
dotnet build tests/CramGrains.EndToEnd.Tests -v q -nologo
tests=artifacts/bin/CramGrains.EndToEnd.Tests/debug/CramGrains.EndToEnd.Tests
if [ "${1:-}" = "--figures" ]; then
    CRAM_FIGURES=1 exec "$tests" -class "*FigureTests" -parallel none -showLiveOutput
fi

export CRAM_FAULT_MATRIX=1
"$tests" -class "*MachineFaultTests" -class "*FaultMatrixTests" -class "*AccessTests" -parallel none -showLiveOutput
if [ "${1:-}" = "--soak" ]; then
    CRAM_SOAK=1 "$tests" -class "*SoakTests" -showLiveOutput
fi
