#!/bin/bash
# Installs dist/ below DESTDIR PREFIX, beside a version that may be running: what runs keeps its files, what starts next gets
# the new ones, and at no moment is there half of each.
set -euo pipefail

destdir=$1
prefix=$2
cd "$(dirname "$0")/.."
lib=$destdir$prefix/lib
units=$lib/systemd/system

install -d "$destdir$prefix/bin" "$lib" "$units"
rm -rf "$lib/rkt.new" "$lib/rkt.old"
cp -R --no-preserve=ownership dist/lib/rkt "$lib/rkt.new"
install -m 0755 deploy/setup-data-dir.sh "$lib/rkt.new/"
[ ! -e "$lib/rkt" ] || mv -T "$lib/rkt" "$lib/rkt.old"
mv -T "$lib/rkt.new" "$lib/rkt"
rm -rf "$lib/rkt.old"
install -m 0755 dist/bin/rkt "$destdir$prefix/bin/rkt.new"
mv -T "$destdir$prefix/bin/rkt.new" "$destdir$prefix/bin/rkt"

for unit in deploy/systemd/*; do
  name=$(basename "$unit" .in)
  sed "s|@PREFIX@|$prefix|g" "$unit" >"$units/$name"
  chmod 0644 "$units/$name"
done

# The group whose members may look (docs/group-rkt.md), and the data directory that is theirs to look into.
for kind in sysusers tmpfiles; do
  install -D -m 0644 "deploy/$kind.d/rkt.conf" "$lib/$kind.d/rkt.conf"
done
