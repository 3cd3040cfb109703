/*
 * When the pod is ready: every app has been executed, and those that say when they are ready have said so. Then the file
 * `ready` appears in the pod's directory, READY_FD gets its byte, and a service manager that waits for rkt is told.
 */
#pragma once

#include <stdbool.h>

#include "stage1/notify.h"
#include "stage1/plan.h"

struct ready_app {
  bool done;
  int socket;         /* of notify.h, or -1 */
  struct notify_place place; /* with a socket */
};

struct ready {
  const struct plan *plan;
  int dir;
  int poll; /* readable when ready_handle has something to do; -1: never */
  int waiting; /* READY_FD while somebody waits there, or -1 */
  struct ready_app *apps;
  uint32_t missing;
  bool settled; /* it is ready, or never will be */
};

int ready_open(const struct plan *plan, int dir, struct ready *ret_ready, struct rkt_error *err);

/* An app has been executed; an app's namespace and socket, which is ours from now on. */
void ready_take_start(struct ready *ready, uint32_t app);
void ready_take_files(struct ready *ready, uint32_t app, int mounts, int socket);

/* False where somebody waits for the pod to be ready, which now it cannot become. */
bool ready_take_end(struct ready *ready, uint32_t app);

void ready_handle(struct ready *ready);

/* Frees what is held, and closes READY_FD. The sockets belong to the pod's network namespace, which they would keep. */
void ready_close(struct ready *ready);
