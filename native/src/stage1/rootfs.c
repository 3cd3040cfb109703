#include "stage1/rootfs.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "stage1/mount-api.h"
#include "stage1/userns.h"

/* A number */
#define NAME_SIZE 12
/* fsconfig(2) takes values of up to 255 bytes. */
#define CONFIG_VALUE_SIZE 256

/* The directories of an overlay, opened. */
struct layers {
  int *lowers;
  size_t count;
  int upper; /* -1: read-only */
  int work;
};

static int open_layer(const char *path, const struct rootfs_ids *ids, int *ret_fd, struct rkt_error *err) {
  if (ids != NULL)
    return userns_clone_mapped(ids->userns, path, false, ids->place, ret_fd, err);
  int fd = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
  if (fd < 0)
    return rkt_fail(err, errno, "opening the layer %s", path);
  *ret_fd = fd;
  return 0;
}

static void close_layers(struct layers *layers) {
  while (layers->count > 0)
    close(layers->lowers[--layers->count]);
  free(layers->lowers);
  rkt_cleanup_close(&layers->upper);
  rkt_cleanup_close(&layers->work);
}

static int open_layers(const struct plan_app *app, const struct rootfs_ids *ids, struct layers *layers,
                       struct rkt_error *err) {
  layers->lowers = calloc(app->lowers.count, sizeof(*layers->lowers));
  int result = layers->lowers == NULL ? rkt_fail(err, ENOMEM, "opening the layers") : 0;
  while (result == 0 && layers->count < app->lowers.count) {
    result = open_layer(plan_strings(&app->lowers)[layers->count], ids, &layers->lowers[layers->count], err);
    if (result == 0)
      layers->count++;
  }
  if (result == 0 && app->upper != NULL)
    result = open_layer(app->upper, NULL, &layers->upper, err);
  if (result == 0 && app->upper != NULL)
    result = open_layer(app->work, NULL, &layers->work, err);
  return result;
}

static int set_option(int context, const char *key, const char *value, struct rkt_error *err) {
  if (fsconfig(context, FSCONFIG_SET_STRING, key, value, 0) < 0)
    return rkt_fail(err, errno, "giving overlayfs its %s", key);
  return 0;
}

static int set_number(int context, const char *key, int fd, struct rkt_error *err) {
  char name[NAME_SIZE];
  snprintf(name, sizeof(name), "%d", fd);
  return set_option(context, key, name, err);
}

static int join(const struct layers *layers, char *joined, size_t size) {
  size_t length = 0;
  for (size_t i = 0; i < layers->count && length < size; i++)
    length += (size_t)snprintf(joined + length, size - length, "%s%d", i == 0 ? "" : ":", layers->lowers[i]);
  return length < size ? 0 : -E2BIG;
}

static bool fit_together(const struct layers *layers) {
  char value[CONFIG_VALUE_SIZE];
  return join(layers, value, sizeof(value)) == 0;
}

/*
 * All lower directories are one option, joined by colons, which every kernel knows. What that has no room for is given one by one, for
 * which Linux 6.7 is needed; older ones say so no earlier than when the mount is made.
 */
static int configure_lowers(int context, const struct layers *layers, struct rkt_error *err) {
  char value[CONFIG_VALUE_SIZE];
  if (join(layers, value, sizeof(value)) == 0)
    return set_option(context, "lowerdir", value, err);
  int result = 0;
  for (size_t i = 0; result == 0 && i < layers->count; i++)
    result = set_number(context, "lowerdir+", layers->lowers[i], err);
  return result;
}

static int configure(int context, const struct layers *layers, struct rkt_error *err) {
  (void)fsconfig(context, FSCONFIG_SET_STRING, "source", "overlay", 0);
  int result = configure_lowers(context, layers, err);
  if (result < 0 || layers->upper < 0)
    return result;
  result = set_number(context, "upperdir", layers->upper, err);
  if (result == 0)
    result = set_number(context, "workdir", layers->work, err);
  /*
   * A pod is started once and never again, so its writable layer need not survive a crash of the machine. Without this
   * (Linux 5.10) the end of every pod would write out the whole file system that its upper directory lies on.
   */
  if (result == 0)
    (void)fsconfig(context, FSCONFIG_SET_FLAG, "volatile", NULL, 0);
  return result;
}

static int mount_layers(const struct layers *layers, int *ret_mount, struct rkt_error *err) {
  cleanup_close int context = fsopen("overlay", FSOPEN_CLOEXEC);
  if (context < 0)
    return rkt_fail(err, errno, "mounting a new overlay");
  int result = configure(context, layers, err);
  uint64_t attributes = MOUNT_ATTR_NODEV | (layers->upper < 0 ? MOUNT_ATTR_RDONLY : 0);
  if (result == 0)
    result = mount_finish(context, "overlay", attributes, ret_mount, err);
  if (result == -EINVAL && !fit_together(layers))
    return rkt_fail(err, 0, "building the root filesystem: an image of %zu layers needs Linux 6.7 or newer, or --no-overlay",
                    layers->count);
  return result;
}

/*
 * Overlayfs is given its layers as names in /proc/self/fd, the working directory for the while: host paths of any length and with any
 * character work, none of them shows in the mount table that the app can read, and many names have room in one option.
 */
static int mount_by_numbers(const struct layers *layers, int *ret_mount, struct rkt_error *err) {
  cleanup_close int previous = open(".", O_PATH | O_DIRECTORY | O_CLOEXEC);
  cleanup_close int mount = -1;
  if (previous < 0 || chdir("/proc/self/fd") < 0)
    return rkt_fail(err, errno, "moving to /proc/self/fd");
  int result = mount_layers(layers, &mount, err);
  if (fchdir(previous) < 0 && result == 0)
    result = rkt_fail(err, errno, "moving back from /proc/self/fd");
  if (result == 0)
    *ret_mount = rkt_steal_fd(&mount);
  return result;
}

static int make_overlay(const struct plan_app *app, const struct rootfs_ids *ids, int *ret_mount,
                        struct rkt_error *err) {
  struct layers layers = {.upper = -1, .work = -1};
  int result = open_layers(app, ids, &layers, err);
  if (result == 0)
    result = mount_by_numbers(&layers, ret_mount, err);
  close_layers(&layers);
  return result;
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
