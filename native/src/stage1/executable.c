#include "stage1/executable.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "stage1/mount-api.h"

#define OWN_EXECUTABLE "/proc/self/exe"

static int is_readonly(int fd, bool *ret_readonly, struct rkt_error *err) {
  struct statvfs status;
  if (fstatvfs(fd, &status) < 0)
    return rkt_fail(err, errno, "examining the mount of " OWN_EXECUTABLE);
  *ret_readonly = (status.f_flag & ST_RDONLY) != 0;
  return 0;
}

/* The mount is attached nowhere and ends with the last process that executes from it, so nobody can make it writable. */
static int execute_readonly(char **argv, struct rkt_error *err) {
  cleanup_close int clone = -1;
  bool readonly = false;
  int result = mount_clone(AT_FDCWD, OWN_EXECUTABLE, 0, MOUNT_ATTR_RDONLY, &clone, err);
  if (result == 0)
    result = is_readonly(clone, &readonly, err);
  if (result < 0)
    return result;
  /* It would be found writable again and again. */
  if (!readonly)
    return rkt_fail(err, EROFS, "making a read-only mount of " OWN_EXECUTABLE);
  execveat(clone, "", argv, environ, AT_EMPTY_PATH);
  return rkt_fail(err, errno, "executing " OWN_EXECUTABLE " through a read-only mount");
}

int executable_protect(char **argv, const char *name, struct rkt_error *err) {
  cleanup_close int own = open(OWN_EXECUTABLE, O_PATH | O_CLOEXEC);
  if (own < 0)
    return rkt_fail(err, errno, "opening " OWN_EXECUTABLE);
  bool readonly = false;
  int result = is_readonly(own, &readonly, err);
  if (result == 0 && !readonly)
    result = execute_readonly(argv, err);
  /* Executed by a descriptor, a program is named by its number before Linux 6.14. */
  if (result == 0)
    prctl(PR_SET_NAME, name, 0, 0, 0);
  return result;
}
