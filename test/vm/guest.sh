#!/bin/bash
# Runs the suites of /etc/rkt-tests/arguments in the virtual machine, from the repository's root. Nothing is quick here.
export PATH="$PWD/node_modules/.bin:/usr/sbin:/usr/bin:/sbin:/bin" HOME=/root RKT_TEST_MACHINE=virtual
mapfile -t arguments </etc/rkt-tests/arguments
node test/run.ts --testTimeout=300000 "${arguments[@]}"
