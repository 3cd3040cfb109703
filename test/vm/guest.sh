#!/bin/bash
# Runs the suites of /run/arguments in the virtual machine and switches it off.
cd "$1" || exit 1
export PATH="$1/node_modules/.bin:/usr/sbin:/usr/bin:/sbin:/bin" HOME=/root
ip link set lo up
mapfile -t arguments </run/arguments
# Nothing is quick here.
node test/run.ts --testTimeout=600000 "${arguments[@]}" 2>&1
busybox poweroff -f
