#include "stage1/rootfs.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "stage1/mount-api.h"
#include "stage1/userns.h"

/* "/proc/self/fd/" and a number */
#define FD_PATH_SIZE 32
/* fsconfig(2) takes values of up to 255 bytes. */
#define CONFIG_VALUE_SIZE 256

/*
 * Overlayfs is given its layers as /proc/self/fd/N: host paths of any length and with any character work, and none of
 * them shows in the mount table that the app can read. The descriptor stays open until the mount is made.
 */
static int open_layer(const char *path, const struct rootfs_ids *ids, char *ret_name, struct rkt_error *err) {
  int fd = -1;
  if (ids != NULL) {
    int result = userns_clone_mapped(ids->userns, path, false, ids->place, &fd, err);
    if (result < 0)
      return result;
  } else {
    fd = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
  }
  if (fd < 0)
    return rkt_fail(err, errno, "opening the layer %s", path);
  snprintf(ret_name, FD_PATH_SIZE, "/proc/self/fd/%d", fd);
  return 0;
}

static int configure(int context, const char *key, const char *path, const struct rootfs_ids *ids,
                     struct rkt_error *err) {
  char name[FD_PATH_SIZE];
  int result = open_layer(path, ids, name, err);
  if (result == 0 && fsconfig(context, FSCONFIG_SET_STRING, key, name, 0) < 0)
    return rkt_fail(err, errno, "giving overlayfs %s as %s", path, key);
  return result;
}

/* Before Linux 6.5 all lower directories are one option, joined by colons. */
static int configure_joined(int context, const struct plan_list *lowers, const struct rootfs_ids *ids,
                            struct rkt_error *err) {
  char joined[CONFIG_VALUE_SIZE] = "";
  for (size_t i = 0; i < lowers->count; i++) {
    char name[FD_PATH_SIZE];
    int result = open_layer(plan_strings(lowers)[i], ids, name, err);
    if (result < 0)
      return result;
    if (strlen(joined) + strlen(name) + 2 > sizeof(joined))
      return rkt_fail(err, 0, "building the root filesystem: %zu layers are more than this kernel takes; "
                              "rkt needs Linux 6.5 or newer for that many", lowers->count);
    strcat(joined, joined[0] == '\0' ? "" : ":");
    strcat(joined, name);
  }
  if (fsconfig(context, FSCONFIG_SET_STRING, "lowerdir", joined, 0) < 0)
    return rkt_fail(err, errno, "giving overlayfs its lower directories");
  return 0;
}

/* False where this kernel does not know the option. */
static bool append_first(int context, const char *name) {
  return fsconfig(context, FSCONFIG_SET_STRING, "lowerdir+", name, 0) == 0;
}

static int configure_lowers(int context, const struct plan_list *lowers, const struct rootfs_ids *ids,
                            struct rkt_error *err) {
  char **paths = plan_strings(lowers);
  char first[FD_PATH_SIZE];
  int result = open_layer(paths[0], ids, first, err);
  if (result < 0)
    return result;
  if (!append_first(context, first))
    return configure_joined(context, lowers, ids, err);
  for (size_t i = 1; result == 0 && i < lowers->count; i++)
    result = configure(context, "lowerdir+", paths[i], ids, err);
  return result;
}

static int configure_upper(int context, const struct plan_app *app, struct rkt_error *err) {
  int result = configure(context, "upperdir", app->upper, NULL, err);
  if (result == 0)
    result = configure(context, "workdir", app->work, NULL, err);
  /*
   * A pod is started once and never again, so its writable layer need not survive a crash of the machine. Without this
   * (Linux 5.10) the end of every pod would write out the whole file system that its upper directory lies on.
   */
  if (result == 0)
    (void)fsconfig(context, FSCONFIG_SET_FLAG, "volatile", NULL, 0);
  return result;
}

static int make_overlay(const struct plan_app *app, const struct rootfs_ids *ids, int *ret_mount,
                        struct rkt_error *err) {
  cleanup_close int context = fsopen("overlay", FSOPEN_CLOEXEC);
  if (context < 0)
    return rkt_fail(err, errno, "mounting a new overlay");
  (void)fsconfig(context, FSCONFIG_SET_STRING, "source", "overlay", 0);
  int result = configure_lowers(context, &app->lowers, ids, err);
  if (result == 0 && app->upper != NULL)
    result = configure_upper(context, app, err);
  if (result < 0)
    return result;
  uint64_t attributes = MOUNT_ATTR_NODEV | (app->upper == NULL ? MOUNT_ATTR_RDONLY : 0);
  return mount_finish(context, "overlay", attributes, ret_mount, err);
}

/* One layer alone: overlayfs wants two. It is its own view, read-only unless it is the pod's own copy. */
static int clone_layer(const struct plan_app *app, const struct rootfs_ids *ids, int *ret_mount,
                       struct rkt_error *err) {
  const char *path = plan_strings(&app->lowers)[0];
  uint64_t attributes = MOUNT_ATTR_NODEV | (app->in_place != 0 ? 0 : MOUNT_ATTR_RDONLY);
  cleanup_close int mapped = -1;
  if (ids == NULL)
    return mount_clone(AT_FDCWD, path, 0, attributes, ret_mount, err);
  int result = userns_clone_mapped(ids->userns, path, app->in_place != 0, ids->place, &mapped, err);
  /* The mapping comes along; the mount itself is in its place already. */
  return result < 0 ? result : mount_clone(mapped, "", 0, attributes, ret_mount, err);
}

int rootfs_make(const struct plan_app *app, const struct rootfs_ids *ids, int *ret_mount, struct rkt_error *err) {
  return app->upper == NULL && app->lowers.count == 1 ? clone_layer(app, ids, ret_mount, err)
                                                      : make_overlay(app, ids, ret_mount, err);
}

int rootfs_attach(const struct plan_app *app, int userns, int staging, int *ret_root, struct rkt_error *err) {
  cleanup_close int root = -1;
  cleanup_close int place = openat(staging, "root", O_PATH | O_DIRECTORY | O_CLOEXEC);
  if (place < 0)
    return rkt_fail(err, errno, "opening the staging directory");
  struct rootfs_ids ids = {.userns = userns, .place = place};
  int result = rootfs_make(app, userns < 0 ? NULL : &ids, &root, err);
  if (result == 0)
    result = mount_attach(root, staging, "root", err);
  if (result == 0)
    *ret_root = rkt_steal_fd(&root);
  return result;
}

int rootfs_pivot(int root, struct rkt_error *err) {
  /* pivot_root(2): with both arguments ".", the old root ends up on top of the new one and is detached from there. */
  if (fchdir(root) < 0 || syscall(SYS_pivot_root, ".", ".") < 0 || umount2(".", MNT_DETACH) < 0 || chdir("/") < 0)
    return rkt_fail(err, errno, "moving into the root filesystem");
  return 0;
}
