/* The program that runs, as a file of the host that processes in a pod can reach by way of /proc/PID/exe. */
#pragma once

#include "common/error.h"

/*
 * Returns 0 where the running program was executed through a read-only mount, so that no descriptor of it can be opened
 * for writing, by nobody and at no time (CVE-2019-5736). Otherwise executes the same program with the same arguments and
 * environment through a read-only mount that it makes for that, and comes back with a failure only.
 *
 * The kernel is asked about the mount each time: there is no mark in the arguments or the environment that could say it was
 * done already. Call it before anything else. The process is called `name` then, where ps(1) shows names.
 */
int executable_protect(char **argv, const char *name, struct rkt_error *err);
