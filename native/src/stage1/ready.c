#include "stage1/ready.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "stage1/cgroup.h"
#include "stage1/detach.h"
#include "stage1/message.h"
#include "stage1/notify.h"
#include "stage1/pod-files.h"

#define WAITING_EVENT UINT32_MAX

static bool wants_sockets(const struct plan *plan) {
  for (size_t i = 0; i < plan->apps.count; i++)
    if (plan_apps(plan)[i].notify != 0)
      return true;
  return false;
}

int ready_open(const struct plan *plan, int dir, struct ready *ret_ready, struct rkt_error *err) {
  struct ready ready = {.plan = plan,
                        .dir = dir,
                        .poll = -1,
                        .waiting = plan->ready_fd == PLAN_NO_FD ? -1 : (int)plan->ready_fd,
                        .missing = (uint32_t)plan->apps.count};
  if (wants_sockets(plan) && (ready.poll = epoll_create1(EPOLL_CLOEXEC)) < 0)
    return rkt_fail(err, errno, "preparing to wait for notifications");
  /* No event but the one that is always told: the other end was closed. A file has none, and does without. */
  if (ready.poll >= 0 && ready.waiting >= 0)
    (void)epoll_ctl(ready.poll, EPOLL_CTL_ADD, ready.waiting, &(struct epoll_event){.data.u32 = WAITING_EVENT});
  ready.apps = calloc(plan->apps.count, sizeof(*ready.apps));
  if (ready.apps == NULL) {
    if (ready.poll >= 0)
      close(ready.poll);
    return rkt_fail(err, ENOMEM, "preparing to wait for the apps");
  }
  for (size_t i = 0; i < plan->apps.count; i++)
    ready.apps[i].socket = -1;
  *ret_ready = ready;
  return 0;
}

static void stop_waiting(struct ready *ready) {
  if (ready->waiting < 0)
    return;
  /* Whoever started us may have a copy, which would keep the events coming. */
  if (ready->poll >= 0)
    epoll_ctl(ready->poll, EPOLL_CTL_DEL, ready->waiting, NULL);
  close(ready->waiting);
  ready->waiting = -1;
  detach_let_go(ready->plan);
}

static void become_ready(struct ready *ready) {
  char state[64];
  struct rkt_error err;
  ready->settled = true;
  message_debug("the pod is ready");
  if (pod_files_write_ready(ready->dir, &err) < 0)
    message_print("%s", err.message);
  /* MAINPID: a pod in the background is not the process that the service manager has started. */
  snprintf(state, sizeof(state), "READY=1\nMAINPID=%d", getpid());
  if (notify_send(state, &err) < 0)
    message_print("%s", err.message);
  if (ready->waiting >= 0 && write(ready->waiting, "", 1) < 0)
    message_debug("nobody waits for the pod any more");
  stop_waiting(ready);
}

static void take_one(struct ready *ready, uint32_t app) {
  if (ready->settled || ready->apps[app].done)
    return;
  ready->apps[app].done = true;
  if (--ready->missing == 0)
    become_ready(ready);
}

void ready_take_start(struct ready *ready, uint32_t app) {
  if (plan_apps(ready->plan)[app].notify == 0)
    take_one(ready, app);
}

static int find_place(const struct plan *plan, uint32_t app, int mounts, struct notify_place *ret_place) {
  struct notify_place place = {.cgroup = 0};
  struct stat group_status;
  cleanup_close int group = cgroup_open_unified(plan, plan_apps(plan)[app].name);
  if (fstat(mounts, &place.mounts) < 0)
    return -errno;
  if (group >= 0 && fstat(group, &group_status) == 0)
    place.cgroup = group_status.st_ino;
  *ret_place = place;
  return 0;
}

void ready_take_files(struct ready *ready, uint32_t app, int mounts, int socket) {
  struct ready_app *item = &ready->apps[app];
  struct epoll_event event = {.events = EPOLLIN, .data.u32 = app};
  if (socket < 0)
    return;
  if (item->socket >= 0 || ready->poll < 0 || find_place(ready->plan, app, mounts, &item->place) < 0 ||
      epoll_ctl(ready->poll, EPOLL_CTL_ADD, socket, &event) < 0) {
    close(socket);
    return;
  }
  item->socket = socket;
}

bool ready_take_end(struct ready *ready, uint32_t app) {
  /* What it said with its last breath is still there. */
  ready_handle(ready);
  if (ready->settled || ready->apps[app].done || ready->waiting < 0)
    return true;
  ready->settled = true;
  message_print("app \"%s\" has ended before it was ready", plan_apps(ready->plan)[app].name);
  return false;
}

void ready_handle(struct ready *ready) {
  struct epoll_event events[16];
  int count = ready->poll < 0 ? 0 : epoll_wait(ready->poll, events, 16, 0);
  for (int i = 0; i < count; i++) {
    uint32_t app = events[i].data.u32;
    if (app == WAITING_EVENT) {
      stop_waiting(ready);
      continue;
    }
    /* Read although it is ready: what nobody reads makes its sender wait. */
    if (notify_receive(ready->apps[app].socket, &ready->apps[app].place))
      take_one(ready, app);
  }
}

void ready_close(struct ready *ready) {
  for (size_t i = 0; ready->apps != NULL && i < ready->plan->apps.count; i++)
    if (ready->apps[i].socket >= 0)
      notify_close(ready->apps[i].socket);
  free(ready->apps);
  ready->apps = NULL;
  if (ready->poll >= 0)
    close(ready->poll);
  ready->poll = -1;
  if (ready->waiting >= 0)
    close(ready->waiting);
  ready->waiting = -1;
}
