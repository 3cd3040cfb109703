#include "stage1/pod-open.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/close_range.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/cleanup.h"

int pod_fill_streams(struct rkt_error *err) {
  for (int fd = 0; fd <= 2; fd++)
    /* The lowest free number is this one. */
    if (fcntl(fd, F_GETFD) < 0 && open("/dev/null", fd == 0 ? O_RDONLY : O_WRONLY) < 0)
      return rkt_fail(err, errno, "opening /dev/null");
  return 0;
}

int pod_check_streams(struct rkt_error *err) {
  struct stat status;
  for (int fd = 0; fd <= 2; fd++)
    /* From a directory of the host an app could open everything below and above it. */
    if (fstat(fd, &status) == 0 && S_ISDIR(status.st_mode))
      return rkt_fail(err, 0, "descriptor %d is a directory; pass a file, a terminal or a pipe", fd);
  return 0;
}

int pod_fix_streams(struct rkt_error *err) {
  int result = pod_fill_streams(err);
  return result < 0 ? result : pod_check_streams(err);
}

static bool is_kept(const uint32_t *kept, size_t count, uint32_t fd) {
  for (size_t i = 0; i < count; i++)
    if (kept[i] == fd)
      return true;
  return false;
}

/* The next of them from `from` on; PLAN_NO_FD: none. */
static uint32_t next_kept(const uint32_t *kept, size_t count, uint32_t from) {
  uint32_t next = PLAN_NO_FD;
  for (size_t i = 0; i < count; i++)
    if (kept[i] >= from && kept[i] < next)
      next = kept[i];
  return next;
}

int pod_keep_descriptors(const uint32_t *kept, size_t count, struct rkt_error *err) {
  for (uint32_t first = 3; first != PLAN_NO_FD;) {
    uint32_t next = next_kept(kept, count, first);
    if (first < next && close_range(first, next - 1, 0) < 0)
      return rkt_fail(err, errno, "closing descriptors");
    for (first = next; first != PLAN_NO_FD && is_kept(kept, count, first);)
      first++;
  }
  if (close_range(3, ~0u, CLOSE_RANGE_CLOEXEC) < 0)
    return rkt_fail(err, errno, "keeping descriptors from what is executed");
  return 0;
}

int pod_is_locked(bool *ret_locked, struct rkt_error *err) {
  cleanup_close int fd = open(".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (fd < 0)
    return rkt_fail(err, errno, "opening the pod's directory");
  bool locked = flock(fd, LOCK_SH | LOCK_NB) < 0;
  if (locked && errno != EWOULDBLOCK)
    return rkt_fail(err, errno, "testing the pod's lock");
  *ret_locked = locked;
  return 0;
}

int pod_read_plan(const char *uuid, struct plan *ret_plan, struct rkt_error *err) {
  struct plan plan;
  int result = plan_read(AT_FDCWD, &plan, err);
  if (result < 0)
    return result;
  if (strcmp(plan.uuid, uuid) != 0) {
    result = rkt_fail(err, 0, "the launch plan is of pod %s, not of %s", plan.uuid, uuid);
    plan_free(&plan);
    return result;
  }
  *ret_plan = plan;
  return 0;
}

int pod_examine_init(pid_t pid, bool *ret_is_init, pid_t *ret_parent, struct rkt_error *err) {
  char path[64];
  char text[4096];
  snprintf(path, sizeof(path), "/proc/%d/status", pid);
  cleanup_close int fd = open(path, O_RDONLY | O_CLOEXEC);
  ssize_t length = fd < 0 ? -1 : read(fd, text, sizeof(text) - 1);
  if (length < 0)
    return rkt_fail(err, errno, "examining process %d", pid);
  text[length] = '\0';
  const char *parent = strstr(text, "\nPPid:\t");
  const char *numbers = strstr(text, "\nNSpid:\t");
  if (parent == NULL || numbers == NULL)
    return rkt_fail(err, 0, "examining process %d: the kernel does not tell its namespaces", pid);
  int outer;
  int inner = 0;
  bool is_init = sscanf(numbers, "\nNSpid:\t%d\t%d", &outer, &inner) == 2 && inner == 1;
  *ret_is_init = is_init;
  *ret_parent = (pid_t)strtol(parent + strlen("\nPPid:\t"), NULL, 10);
  return 0;
}
