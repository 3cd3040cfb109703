#include "stage1/teardown.h"

#include <errno.h>
#include <sys/mount.h>
#include <unistd.h>

#include "stage1/message.h"

static int remove_file(const char *path, struct rkt_error *err) {
  if (unlink(path) < 0 && errno != ENOENT)
    return rkt_fail(err, errno, "removing %s", path);
  return 0;
}

static int remove_mount(const char *path, struct rkt_error *err) {
  /* EINVAL: nothing is mounted there. */
  if (umount2(path, MNT_DETACH | UMOUNT_NOFOLLOW) < 0 && errno != EINVAL && errno != ENOENT)
    return rkt_fail(err, errno, "unmounting %s", path);
  return remove_file(path, err);
}

static int run_step(const struct plan_teardown *step, struct rkt_error *err) {
  return step->umount != NULL ? remove_mount(step->umount, err) : remove_file(step->unlink, err);
}

size_t teardown_run(const struct plan *plan) {
  const struct plan_teardown *steps = plan->teardown.items;
  size_t failed = 0;
  for (size_t i = 0; i < plan->teardown.count; i++) {
    struct rkt_error err;
    if (run_step(&steps[i], &err) == 0)
      continue;
    message_debug("teardown step %zu: %s", i + 1, err.message);
    failed++;
  }
  return failed;
}
