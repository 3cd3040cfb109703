#!/bin/bash
# Lets members of the group rkt look at pods and images: makes the group and the directories, and puts right what is there from before.
# May be run again at any time. Usage: setup-data-dir.sh [DATA-DIRECTORY]
set -euo pipefail

data=${1:-/var/lib/rkt}
phases=(embryo prepare prepared run exited-garbage garbage)

if [ "$EUID" -ne 0 ]; then
  echo "setup-data-dir.sh: must be run as root" >&2
  exit 1
fi

# getent and groupadd are the distribution's; where there is no groupadd, /etc/group may have the group already.
grep -q '^rkt:' /etc/group || groupadd --system rkt

share() {
  mkdir -p "$1"
  chown root:rkt "$1"
  chmod 2750 "$1"
}

for dir in "$data" "$data"/{images,images/info,images/names,pods,pods/names} "${phases[@]/#/$data/pods/}"; do
  share "$dir"
done

# Records of images, and the index of their names.
find "$data/images/info" -type f -exec chgrp rkt {} + -exec chmod 0640 {} +
find "$data/images/names" -mindepth 1 -type d -exec chgrp rkt {} + -exec chmod 0750 {} +

# Pods: what rkt writes about them, but neither plans nor files of apps.
for phase in "${phases[@]}"; do
  for pod in "$data/pods/$phase"/*/; do
    [ -d "$pod" ] || continue
    for private in overlay rootfs volumes logs; do
      [ ! -d "$pod$private" ] || chmod 0700 "$pod$private"
    done
    [ ! -e "${pod}stage1.plan" ] || chmod 0600 "${pod}stage1.plan"
    find "$pod" -maxdepth 1 -type f ! -name stage1.plan -exec chgrp rkt {} + -exec chmod g+r {} +
    chown root:rkt "$pod"
    chmod 2750 "$pod"
  done
done
