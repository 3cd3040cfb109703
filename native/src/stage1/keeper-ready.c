#include "stage1/keeper-ready.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sys/inotify.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "stage1/detach.h"
#include "stage1/message.h"
#include "stage1/notify.h"

int keeper_ready_open(int *ret_watch, struct rkt_error *err) {
  cleanup_close int watch = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
  if (watch < 0 || inotify_add_watch(watch, ".", IN_CLOSE_WRITE | IN_MOVED_TO) < 0)
    return rkt_fail(err, errno, "watching the pod's directory");
  *ret_watch = rkt_steal_fd(&watch);
  return 0;
}

static void announce(const struct plan *plan) {
  struct rkt_error err;
  cleanup_close int file = open("ready", O_WRONLY | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0644);
  if (file < 0)
    message_print("writing the file ready in the pod's directory failed");
  if (plan->ready_fd != PLAN_NO_FD && write((int)plan->ready_fd, "", 1) < 0)
    message_debug("nobody waits for the pod to be ready any more");
  if (notify_send("READY=1", &err) < 0)
    message_print("%s", err.message);
  detach_let_go(plan);
}

bool keeper_ready_check(const struct plan *plan, int watch) {
  char events[sizeof(struct inotify_event) + NAME_MAX + 1];
  while (read(watch, events, sizeof(events)) > 0)
    continue;
  if (access("pid", F_OK) < 0 && access("ppid", F_OK) < 0)
    return false;
  announce(plan);
  return true;
}
