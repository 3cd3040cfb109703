#include "file.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <stdio.h>
#include <sys/file.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "common/cleanup.h"

int rkt_lock(int fd, enum rkt_lock_operation operation, bool nonblocking, bool *ret_held, struct rkt_error *err) {
  static const int flags[] = {[RKT_LOCK_SHARED] = LOCK_SH, [RKT_LOCK_EXCLUSIVE] = LOCK_EX, [RKT_UNLOCK] = LOCK_UN};
  int result;
  do {
    result = flock(fd, flags[operation] | (nonblocking ? LOCK_NB : 0));
  } while (result < 0 && errno == EINTR);
  if (result < 0 && errno != EWOULDBLOCK)
    return rkt_fail(err, errno, "%s descriptor %d", operation == RKT_UNLOCK ? "unlocking" : "locking", fd);
  *ret_held = result == 0;
  return 0;
}

int rkt_set_cloexec(int fd, bool on, struct rkt_error *err) {
  int flags = fcntl(fd, F_GETFD);
  if (flags < 0)
    return rkt_fail(err, errno, "reading the flags of descriptor %d", fd);
  if (fcntl(fd, F_SETFD, on ? flags | FD_CLOEXEC : flags & ~FD_CLOEXEC) < 0)
    return rkt_fail(err, errno, "setting the flags of descriptor %d", fd);
  return 0;
}

int rkt_syncfs(int fd, struct rkt_error *err) {
  if (syncfs(fd) < 0)
    return rkt_fail(err, errno, "writing the file system of descriptor %d to disk", fd);
  return 0;
}

int rkt_spread_directories(const char *path, bool *ret_done, struct rkt_error *err) {
  cleanup_close int fd = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
  if (fd < 0)
    return rkt_fail(err, errno, "opening %s", path);
  int flags;
  *ret_done = false;
  if (ioctl(fd, FS_IOC_GETFLAGS, &flags) < 0)
    return 0;
  flags |= FS_TOPDIR_FL;
  *ret_done = ioctl(fd, FS_IOC_SETFLAGS, &flags) == 0;
  return 0;
}

int rkt_rename_noreplace(const char *from, const char *to, struct rkt_error *err) {
  if (renameat2(AT_FDCWD, from, AT_FDCWD, to, RENAME_NOREPLACE) < 0)
    return rkt_fail(err, errno, "renaming %s to %s", from, to);
  return 0;
}
