#!/usr/bin/env bash
# Runs the whole fault matrix against real processes: silos, workers, Redis, network namespaces, a full disk. Needs redis-server; as root also partitions and
# full disks. Takes about half an hour on two cores. With --soak, thirty short runs under a fault every ten seconds follow.
set -euo pipefail
cd "$(dirname "$0")/.."
[ $# -eq 0 ] || [ "$1" = "--soak" ] || { echo "Usage: $0 [--soak]" >&2; exit 2; }

command -v redis-server >/dev/null || { echo "redis-server is missing: apt-get install redis-server" >&2; exit 1; }
dotnet build tests/CramGrains.EndToEnd.Tests -v q -nologo
tests=artifacts/bin/CramGrains.EndToEnd.Tests/debug/CramGrains.EndToEnd.Tests
export CRAM_FAULT_MATRIX=1
"$tests" -class "*MachineFaultTests" -class "*FaultMatrixTests" -class "*AccessTests" -parallel none -showLiveOutput
if [ "${1:-}" = "--soak" ]; then
    CRAM_SOAK=1 "$tests" -class "*SoakTests" -showLiveOutput
fi
