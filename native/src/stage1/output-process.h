/*
 * The process that has the output of apps (output.h), a child of the monitor.
 *
 * Whoever reads a pipe can be made to wait by an app: sendfile(2) and splice(2) into a pipe hold its lock for as long as their
 * source has nothing, and no flag helps against that (Linux 6.18). The monitor must not wait, as it has signals to pass on,
 * deadlines to keep and other apps to look after. So it tells this process what happens, and waits for it only at the end.
 */
#pragma once

#include <sys/types.h>

#include "stage1/plan.h"
#include "stage1/streams.h"

struct output_process {
  const struct plan *plan;
  pid_t pid;                /* 0: there is nothing to pass on */
  int pidfd;                /* readable when the process has ended; -1: there is none */
  int socket;               /* what it is told by; -1: nothing any more */
  struct stream_ends *ends; /* one per app: what launchers put on descriptors 0 to 2 */
};

/* Makes the pipes of all apps and starts the process. `dir`: of the pod; `signals`: which the process must not have. */
int output_process_start(const struct plan *plan, int dir, int signals, struct output_process *ret_process,
                         struct rkt_error *err);

/* The init has its copies of the apps' ends: those of apps that are never started again are not needed here any more. */
void output_process_release_ends(struct output_process *process);

/* An app has a process, of that number in the pod's PID namespace. Again for an app that is started again. */
void output_process_take_process(const struct output_process *process, uint32_t app, pid_t pid);

/* The app has a terminal of which `master` is the other end, which stays the caller's. */
void output_process_take_terminal(const struct output_process *process, uint32_t app, int master);

/* A run of the app has ended. */
void output_process_take_end(const struct output_process *process, uint32_t app);

/* All processes of the pod are gone: what they have printed goes to the logs while the caller does other things. */
void output_process_finish(struct output_process *process);

/*
 * Waits until the logs have everything, and then until the monitor's streams have: for `timeout_ms` at most (negative: as long as it
 * takes), or until a signal that stops pods comes through `signals`.
 */
void output_process_close(struct output_process *process, int signals, int timeout_ms);
