#include "stage1/protect.h"

#include <errno.h>
#include <stdbool.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "stage1/mount-api.h"
#include "stage1/resolve.h"
#include "stage1/system-mounts.h"

/* *ret_fd is -1 where there is nothing at `path`. */
static int open_protected(int root, const char *path, int *ret_fd, struct stat *ret_status, struct rkt_error *err) {
  cleanup_close int fd = resolve_beneath(root, path, false);
  if (fd == -ENOENT || fd == -ENOTDIR) {
    *ret_fd = -1;
    return 0;
  }
  if (fd == -ELOOP)
    return rkt_fail(err, 0, "protecting %s: it is a symbolic link in the image, or has one among its directories", path);
  if (fd < 0)
    return rkt_fail(err, -fd, "protecting %s", path);
  if (fstat(fd, ret_status) < 0)
    return rkt_fail(err, errno, "protecting %s", path);
  *ret_fd = rkt_steal_fd(&fd);
  return 0;
}

/* The node is of our own making; that it is /dev/null is checked on the very mount that gets attached. */
static int mask_file(int staging, int target, struct rkt_error *err) {
  cleanup_close int null = -1;
  int result = mount_clone(staging, "null", 0, MOUNT_ATTR_NOSUID | MOUNT_ATTR_NOEXEC, &null, err);
  if (result < 0)
    return result;
  struct stat status;
  if (fstat(null, &status) < 0 || !S_ISCHR(status.st_mode) || status.st_rdev != makedev(1, 3))
    return rkt_fail(err, 0, "masking a file: the null device is something else");
  return mount_attach(null, target, "", err);
}

static int mask(int root, int staging, const char *path, struct rkt_error *err) {
  cleanup_close int target = -1;
  struct stat status;
  int result = open_protected(root, path, &target, &status, err);
  if (result < 0 || target < 0)
    return result;
  return S_ISDIR(status.st_mode) ? system_mount_empty(staging, target, err) : mask_file(staging, target, err);
}

static int make_readonly(int root, const char *path, struct rkt_error *err) {
  cleanup_close int target = -1;
  struct stat status;
  int result = open_protected(root, path, &target, &status, err);
  if (result < 0 || target < 0)
    return result;
  cleanup_close int clone = -1;
  result = mount_clone(target, "", AT_RECURSIVE, MOUNT_ATTR_RDONLY, &clone, err);
  return result < 0 ? result : mount_attach(clone, target, "", err);
}

int protect_paths(const struct plan_app *app, int root, int staging, struct rkt_error *err) {
  int result = 0;
  for (size_t i = 0; result == 0 && i < app->readonly_paths.count; i++)
    result = make_readonly(root, plan_strings(&app->readonly_paths)[i], err);
  for (size_t i = 0; result == 0 && i < app->masked.count; i++)
    result = mask(root, staging, plan_strings(&app->masked)[i], err);
  return result;
}
