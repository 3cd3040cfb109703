#include "stage1/keeper-execute.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/close_range.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "stage1/mount-api.h"

/* The interpreter of a script opens it once more, by the name of the descriptor, which must be there then. */
static int keep_for_interpreter(int mount, struct rkt_error *err) {
  char name[32];
  char start[2];
  snprintf(name, sizeof(name), "/proc/self/fd/%d", mount);
  cleanup_close int file = open(name, O_RDONLY | O_CLOEXEC);
  if (file < 0)
    return rkt_fail(err, errno, "opening");
  if (read(file, start, sizeof(start)) == sizeof(start) && memcmp(start, "#!", sizeof(start)) == 0)
    fcntl(mount, F_SETFD, 0);
  return 0;
}

/*
 * The lock itself stays with the keeper, so that it is free when that is gone, whatever stage1 has passed its descriptors on to.
 */
static int pass_directory(int as, struct rkt_error *err) {
  char number[16];
  cleanup_close int fd = open(".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  snprintf(number, sizeof(number), "%d", as);
  if (fd < 0 || dup2(fd, as) < 0 || setenv("RKT_LOCK_FD", number, 1) < 0)
    return rkt_fail(err, errno, "passing the pod's directory on");
  return 0;
}

static int execute(const struct keeper_program *program, struct rkt_error *err) {
  cleanup_close int file = open(program->file, O_PATH | O_NOFOLLOW | O_CLOEXEC);
  struct stat status;
  if (file < 0 || fstat(file, &status) < 0)
    return rkt_fail(err, errno, "opening");
  if (!S_ISREG(status.st_mode))
    return rkt_fail(err, 0, "not a regular file");
  if (close_range(3, ~0u, CLOSE_RANGE_CLOEXEC) < 0)
    return rkt_fail(err, errno, "marking descriptors to be closed");
  cleanup_close int mount = -1;
  int result = mount_clone(file, "", 0, MOUNT_ATTR_RDONLY, &mount, err);
  if (result == 0)
    result = keep_for_interpreter(mount, err);
  if (result == 0 && program->directory_fd >= 0)
    result = pass_directory(program->directory_fd, err);
  if (result < 0)
    return result;
  execveat(mount, "", program->argv, environ, AT_EMPTY_PATH);
  return rkt_fail(err, errno, "executing");
}

int keeper_execute(const struct keeper_program *program, struct rkt_error *err) {
  int result = execute(program, err);
  struct rkt_error cause = *err;
  rkt_fail(err, 0, "%s: %.900s", program->file, cause.message);
  return result;
}
