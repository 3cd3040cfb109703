#include "open-tree.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/mount.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "common/cleanup.h"

/* glibc has wrappers for these only since 2.36, and its header contradicts the kernel's. */
static int open_tree_call(int dirfd, const char *path, unsigned int flags) {
  return (int)syscall(SYS_open_tree, dirfd, path, flags);
}

static int mount_setattr_call(int dirfd, const char *path, unsigned int flags, struct mount_attr *attr) {
  return (int)syscall(SYS_mount_setattr, dirfd, path, flags, attr, sizeof(*attr));
}

int rkt_open_tree_readonly(const char *path, int *ret_fd, const char **ret_syscall, struct rkt_error *err) {
  *ret_syscall = "open_tree";
  cleanup_close int fd = open_tree_call(AT_FDCWD, path, OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC);
  if (fd < 0)
    return rkt_fail(err, errno, "cloning the mount of %s", path);

  *ret_syscall = "mount_setattr";
  struct mount_attr readonly = {.attr_set = MOUNT_ATTR_RDONLY};
  if (mount_setattr_call(fd, "", AT_EMPTY_PATH, &readonly) < 0)
    return rkt_fail(err, errno, "making the clone of %s read-only", path);
  *ret_fd = rkt_steal_fd(&fd);
  return 0;
}
