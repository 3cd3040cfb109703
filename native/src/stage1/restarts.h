/*
 * What is started in the place of an app that has ended: the next run of one with a restart policy, and POST_STOP.
 *
 * The pod's init has given up everything that starting a program takes: its root is empty and it can but send signals. So the
 * monitor does it, as `enter` would: the app's first launcher has sent it the app's mount namespace, and a child of the
 * monitor, the guide, joins that and forks what becomes the app in the pod's PID namespace. Nothing privileged stays in the pod, which
 * never sees a process that has the host's root or our descriptors, and the root filesystem is the one that the app wrote to
 * before. Such an app's parent is the monitor; its orphans are the init's.
 *
 * Once an app that something may follow has ended for the first time, the init counts it as alive until it hears that it is over.
 */
#pragma once

#include <stdbool.h>
#include <sys/types.h>

#include "stage1/monitor-start.h"
#include "stage1/plan.h"

/* What the monitor hears, of apps that something may follow (launch.h) and with `data` of restarts_open. */
struct restarts_listener {
  void (*forked)(void *data, uint32_t app, pid_t pid); /* it has a process, for its program or its POST_STOP */
  void (*started)(void *data, uint32_t app, pid_t pid);
  void (*failed)(void *data, uint32_t app, const char *reason); /* to be started again; its end follows */
  void (*ended)(void *data, uint32_t app, int code);
  void (*over)(void *data, uint32_t app, int code); /* it will not be started again */
};

struct restart;

struct restarts {
  const struct plan *plan;
  int dir;
  const struct monitor_child *init;
  const struct stream_ends *streams; /* by app */
  const struct restarts_listener *listener;
  void *data;
  struct restart *items; /* by app; NULL where nothing may follow any */
  int poll;              /* readable when restarts_handle has something to do; -1: never */
  int timer;
  bool stopping;
};

/* `init` is filled in before anything is reported. */
int restarts_open(const struct plan *plan, int dir, const struct monitor_child *init, const struct stream_ends *streams,
                  const struct restarts_listener *listener, void *data, struct restarts *ret_restarts,
                  struct rkt_error *err);

/* What the init reports of the first run of an app: its mount namespace (ours from now on), its start, its end. */
void restarts_take_mounts(struct restarts *restarts, uint32_t app, int mounts);
/* The master of the terminal that its launcher has opened for it, of which a copy is kept: the next run has the same one. */
void restarts_take_terminal(struct restarts *restarts, uint32_t app, int master);
void restarts_take_start(struct restarts *restarts, uint32_t app);
void restarts_take_end(struct restarts *restarts, uint32_t app, int code);

/* Reaps a child that has ended, if it is one of ours. */
bool restarts_reap(struct restarts *restarts, pid_t pid);

void restarts_handle(struct restarts *restarts);

/* Passes a signal on to the apps that were started here. */
void restarts_signal(struct restarts *restarts, int number);

/* No app is started from now on; those that wait for it are over. */
void restarts_stop(struct restarts *restarts);

void restarts_close(struct restarts *restarts);
