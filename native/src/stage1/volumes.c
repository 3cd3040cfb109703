#include "stage1/volumes.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "stage1/mount-api.h"
#include "stage1/resolve.h"
#include "stage1/userns.h"

static int fail_volume(const struct plan_mount *mount, const struct rkt_error *cause, struct rkt_error *err) {
  struct rkt_error copy = *cause;
  rkt_fail(err, 0, "mounting volume %s on %s: %.800s", mount->source, mount->target, copy.message);
  err->errnum = copy.errnum;
  return -copy.errnum;
}

int volumes_open(const struct plan_app *app, int *ret_sources, struct rkt_error *err) {
  const struct plan_mount *mounts = app->mounts.items;
  for (size_t i = 0; i < app->mounts.count; i++)
    ret_sources[i] = -1;
  for (size_t i = 0; i < app->mounts.count; i++) {
    struct rkt_error cause;
    if (resolve_host(mounts[i].source, &ret_sources[i], &cause) < 0)
      return fail_volume(&mounts[i], &cause, err);
  }
  return 0;
}

static bool same_file(const struct stat *a, const struct stat *b) {
  return a->st_dev == b->st_dev && a->st_ino == b->st_ino;
}

/* What must never be covered: the root itself, and anything of procfs (a fake /proc defeats what reads it). */
static int check_target(int root, int target, bool source_is_directory, struct rkt_error *err) {
  struct stat root_status;
  struct stat status;
  struct statfs filesystem;
  if (fstat(root, &root_status) < 0 || fstat(target, &status) < 0 || fstatfs(target, &filesystem) < 0)
    return rkt_fail(err, errno, "examining the target");
  if (same_file(&root_status, &status))
    return rkt_fail(err, 0, "the target is the root of the app");
  if (filesystem.f_type == PROC_SUPER_MAGIC)
    return rkt_fail(err, 0, "the target lies in /proc");
  if (source_is_directory != S_ISDIR(status.st_mode))
    return rkt_fail(err, source_is_directory ? ENOTDIR : EISDIR, "the target");
  return 0;
}

static int attach(const struct plan_mount *mount, int source, int userns, int root, struct rkt_error *err) {
  struct stat status;
  if (fstat(source, &status) < 0)
    return rkt_fail(err, errno, "examining the source");
  bool directory = S_ISDIR(status.st_mode);

  cleanup_close int target = -1;
  int result = resolve_or_make(root, mount->target, directory ? RESOLVE_DIRECTORY : RESOLVE_FILE, &target, err);
  if (result == 0)
    result = check_target(root, target, directory, err);
  if (result < 0)
    return result;

  uint64_t attributes = 0;
  if ((mount->flags & PLAN_MOUNT_READONLY) != 0)
    attributes |= MOUNT_ATTR_RDONLY;
  if ((mount->flags & PLAN_MOUNT_DEVICES) == 0)
    attributes |= MOUNT_ATTR_NODEV;
  cleanup_close int tree = -1;
  result = mount_clone(source, "", (mount->flags & PLAN_MOUNT_RECURSIVE) != 0 ? AT_RECURSIVE : 0, attributes, &tree, err);
  if (result == 0 && (mount->flags & PLAN_MOUNT_SHIFTED) != 0)
    result = userns_shift_mount(tree, userns, mount->source, err);
  return result < 0 ? result : mount_attach(tree, target, "", err);
}

int volumes_attach(const struct plan_app *app, const int *sources, int userns, int root, struct rkt_error *err) {
  const struct plan_mount *mounts = app->mounts.items;
  for (size_t i = 0; i < app->mounts.count; i++) {
    struct rkt_error cause;
    if (attach(&mounts[i], sources[i], userns, root, &cause) < 0)
      return fail_volume(&mounts[i], &cause, err);
  }
  return 0;
}
