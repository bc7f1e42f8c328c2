#!/bin/sh
# Says whether this machine can run a silo with these settings, before it tries: exit code 0 if so, 1 with every reason if not.
# Usage: preflight.sh --config FILE      (environment variables such as cram__cluster__redis win over it, as they do for the silo)
set -u
config=
while [ $# -gt 0 ]; do
    case $1 in
        --config) [ $# -ge 2 ] || { echo "preflight: --config needs a file" >&2; exit 2; }; config=$2; shift 2 ;;
        *) echo "Usage: $0 --config FILE" >&2; exit 2 ;;
    esac
done
[ -n "$config" ] || { echo "Usage: $0 --config FILE" >&2; exit 2; }

problems=0
bad() { echo "preflight: $1" >&2; problems=$((problems + 1)); }
note() { echo "preflight: $1"; }
# A setting that is a string or a number, by its name in whatever case; the files are small and every name occurs once. Lines of comment and null are none.
setting() {
    given=$(env | sed -n "s/^cram__[a-z]*__$1=//Ip" | head -n 1)
    [ -n "$given" ] || given=$(sed -n "/^[[:space:]]*\/\//d; /\"$1\"[[:space:]]*:[[:space:]]*null/Id
        s/.*\"$1\"[[:space:]]*:[[:space:]]*\"\([^\"]*\)\".*/\1/Ip; t
        s/.*\"$1\"[[:space:]]*:[[:space:]]*\([^\",}[:space:]]*\).*/\1/Ip" "$config" | head -n 1)
    echo "$given"
}

[ -f "$config" ] && [ -r "$config" ] || { bad "$config is no file that $(id -un) can read."; exit 1; }

home=$(setting Home)
[ -n "$home" ] || bad "$config: cram:silo:Home is not set, and cram__silo__home neither."
if [ -n "$home" ]; then
    mkdir -p "$home" 2>/dev/null
    if [ -w "$home" ]; then
        free=$(df -Pk "$home" | awk 'NR == 2 { print $4 }')
        [ "$free" -ge 20971520 ] || note "only $((free / 1048576)) GiB free in $home; a day's run wants 20 GiB for corpus and checkpoints."
    else
        bad "$home is not writable by $(id -un)."
    fi
fi

for name in Certificate CertificateKey Authority TokenFile; do
    file=$(setting "$name")
    [ -z "$file" ] || [ -r "$file" ] || bad "cram:cluster:$name: $file cannot be read by $(id -un)."
done
for name in CertificateKey TokenFile; do
    file=$(setting "$name")
    if [ -n "$file" ] && [ -e "$file" ] && [ -n "$(find "$file" -perm -004)" ]; then
        bad "$file can be read by everybody on this machine; chmod 640 it."
    fi
done

shared=$(setting SharedFolder)
[ -z "$shared" ] || [ -w "$shared" ] || bad "cram:cluster:SharedFolder: $shared is not mounted or not writable by $(id -un)."

redis=$(setting Redis)
if [ -n "$redis" ]; then
    if command -v nc >/dev/null 2>&1; then
        # HOST[:PORT][,HOST[:PORT]...][,option=value...]; one that answers is enough, and an IPv6 address stands in brackets.
        answers=; asked=
        for place in $(echo "$redis" | tr ',' ' '); do
            case $place in *=*) continue ;; esac
            port=6379; host=$place
            case $place in *]:* | *:*[!]]) port=${place##*:}; host=${place%:*} ;; esac
            host=${host#[}; host=${host%]}; asked="$asked $place"
            nc -z -w 5 "$host" "$port" && answers=yes
        done
        [ -n "$answers" ] || bad "Redis does not answer at$asked."
    fi
fi

if command -v nvidia-smi >/dev/null 2>&1; then
    gpus=$(nvidia-smi --query-gpu=name,driver_version --format=csv,noheader 2>&1) || bad "nvidia-smi fails: $gpus"
    others=$(nvidia-smi --query-compute-apps=pid,process_name --format=csv,noheader 2>/dev/null | grep -v CramGrains.Silo)
    [ -z "$others" ] || note "the GPU is used by others: $others"
    mode=$(nvidia-smi --query-gpu=persistence_mode --format=csv,noheader 2>/dev/null | head -n 1)
    [ "$mode" != "Disabled" ] || note "persistence mode is off; each start of training loads the driver anew (nvidia-smi -pm 1)."
else
    note "no NVIDIA driver; this machine will train on its CPU."
fi

[ "$problems" -eq 0 ] && note "ready" && exit 0
exit 1
