#!/bin/sh
# Makes a lab's authority once, and a certificate for each machine and user that is to be let in.
# Usage: make.sh FOLDER NAME...      (the names of machines and users; the authority is made in FOLDER if it is not there)
set -eu
[ $# -ge 2 ] || { echo "Usage: $0 FOLDER NAME..." >&2; exit 2; }
command -v openssl >/dev/null || { echo "openssl is missing." >&2; exit 1; }
folder=$1; shift
mkdir -p "$folder"; chmod 700 "$folder"; cd "$folder"
umask 077

if [ ! -f authority.key ]; then
    openssl ecparam -name prime256v1 -genkey -noout -out authority.key
    openssl req -x509 -new -key authority.key -sha256 -days 3650 -subj "/CN=CramGrains authority" -out authority.pem
    echo "made authority.pem; keep authority.key off the machines"
fi
for name in "$@"; do
    [ ! -f "$name.pem" ] || { echo "$name.pem exists; delete it to make another" >&2; continue; }
    openssl ecparam -name prime256v1 -genkey -noout -out "$name.key"
    openssl req -new -key "$name.key" -subj "/CN=$name" -out "$name.csr"
    openssl x509 -req -in "$name.csr" -CA authority.pem -CAkey authority.key -CAcreateserial -sha256 -days 825 -out "$name.pem" 2>/dev/null
    rm "$name.csr"
    echo "made $name.pem and $name.key"
done
[ -f token ] || { openssl rand -hex 32 > token; echo "made token"; }
