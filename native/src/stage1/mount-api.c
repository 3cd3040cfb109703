#include "stage1/mount-api.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mount.h>
#include <unistd.h>

#include "common/cleanup.h"

/* The kernel queues its explanations on the context, each with a letter for its severity before it. */
static int fail_with_log(int context, const char *type, struct rkt_error *err) {
  int errnum = errno;
  char log[256];
  ssize_t length = read(context, log, sizeof(log) - 1);
  if (length <= 2)
    return rkt_fail(err, errnum, "mounting a new %s", type);
  log[length] = '\0';
  log[strcspn(log, "\n")] = '\0';
  return rkt_fail(err, errnum, "mounting a new %s (%s)", type, log + 2);
}

int mount_finish(int context, const char *type, uint64_t attributes, int *ret_fd, struct rkt_error *err) {
  if (fsconfig(context, FSCONFIG_CMD_CREATE, NULL, NULL, 0) < 0)
    return fail_with_log(context, type, err);
  int fd = fsmount(context, FSMOUNT_CLOEXEC, (unsigned)attributes);
  if (fd < 0)
    return fail_with_log(context, type, err);
  *ret_fd = fd;
  return 0;
}

int mount_create(const char *type, const struct mount_option *options, size_t count, uint64_t attributes, int *ret_fd,
                 struct rkt_error *err) {
  cleanup_close int context = fsopen(type, FSOPEN_CLOEXEC);
  if (context < 0)
    return rkt_fail(err, errno, "mounting a new %s", type);
  for (size_t i = 0; i < count; i++) {
    unsigned command = options[i].value == NULL ? FSCONFIG_SET_FLAG : FSCONFIG_SET_STRING;
    if (fsconfig(context, command, options[i].key, options[i].value, 0) < 0)
      return fail_with_log(context, type, err);
  }
  return mount_finish(context, type, attributes, ret_fd, err);
}

int mount_set(int fd, unsigned flags, uint64_t attributes, struct rkt_error *err) {
  struct mount_attr attr = {.attr_set = attributes, .propagation = MS_PRIVATE};
  if (mount_setattr(fd, "", AT_EMPTY_PATH | flags, &attr, sizeof(attr)) == 0)
    return 0;
  if (errno == ENOSYS)
    return rkt_fail(err, 0, "setting mount attributes: this kernel has no mount_setattr; rkt needs Linux 5.12 or newer");
  return rkt_fail(err, errno, "setting mount attributes");
}

int mount_clone(int dir, const char *path, unsigned flags, uint64_t attributes, int *ret_fd, struct rkt_error *err) {
  cleanup_close int fd = open_tree(dir, path, OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_EMPTY_PATH | flags);
  if (fd < 0)
    return rkt_fail(err, errno, "cloning the mount of %s", path);
  int result = mount_set(fd, flags, attributes, err);
  if (result == 0)
    *ret_fd = rkt_steal_fd(&fd);
  return result;
}

int mount_attach(int mount, int dir, const char *path, struct rkt_error *err) {
  unsigned flags = MOVE_MOUNT_F_EMPTY_PATH | (path[0] == '\0' ? MOVE_MOUNT_T_EMPTY_PATH : 0);
  if (move_mount(mount, "", dir, path, flags) < 0)
    return rkt_fail(err, errno, "attaching a mount%s%s", path[0] == '\0' ? "" : " on ", path);
  return 0;
}
