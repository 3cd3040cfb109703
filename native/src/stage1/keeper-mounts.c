#include "stage1/keeper-mounts.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mount.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "stage1/files.h"
#include "stage1/mount-api.h"
#include "stage1/resolve.h"
#include "stage1/rootfs.h"
#include "stage1/userns.h"

#define STAGE1_ROOT "stage1/rootfs"

/*
 * Mounts of the host still come in and, more important, go: a namespace that lives as long as the pod must not keep a disk busy
 * that the host has unmounted. Nothing goes out.
 */
static int leave_host(struct rkt_error *err) {
  if (unshare(CLONE_NEWNS) < 0 || mount(NULL, "/", NULL, MS_REC | MS_SLAVE, NULL) < 0)
    return rkt_fail(err, errno, "making a mount namespace for stage1");
  return 0;
}

/* Layers of stage1 as those of an app, which is what knows how to mount them. */
static struct plan_app as_app(const struct plan_stage1 *stage1) {
  return (struct plan_app){
      .lowers = stage1->lowers, .upper = stage1->upper, .work = stage1->work, .in_place = stage1->in_place};
}

static int attach_root(const struct plan_app *root, int *ret_root, struct rkt_error *err) {
  cleanup_close int mount = -1;
  int result = rootfs_make(root, NULL, &mount, err);
  if (result == 0)
    result = mount_attach(mount, AT_FDCWD, STAGE1_ROOT, err);
  if (result == 0)
    *ret_root = rkt_steal_fd(&mount);
  return result;
}

static int attach_app(const struct plan_app *app, int userns, int root, struct rkt_error *err) {
  char path[PATH_MAX];
  cleanup_close int target = -1;
  cleanup_close int mount = -1;
  snprintf(path, sizeof(path), "/opt/stage2/%s/rootfs", app->name);
  int result = resolve_or_make(root, path, RESOLVE_DIRECTORY, &target, err);
  struct rootfs_ids ids = {.userns = userns, .place = target};
  if (result == 0)
    result = rootfs_make(app, userns < 0 ? NULL : &ids, &mount, err);
  if (result == 0)
    result = mount_attach(mount, target, "", err);
  if (result == 0 && (app->upper != NULL || app->in_place != 0))
    result = files_make(app, mount, err);
  if (result == 0 && app->readonly != 0)
    result = mount_set(mount, 0, MOUNT_ATTR_RDONLY, err);
  if (result == 0)
    return 0;
  struct rkt_error cause = *err;
  return rkt_fail(err, 0, "app \"%s\": %.900s", app->name, cause.message);
}

/* So that everybody finds exit codes where the built-in stage1 leaves them. */
static int attach_status(int root, struct rkt_error *err) {
  cleanup_close int target = -1;
  cleanup_close int status = -1;
  int result = resolve_or_make(root, "/rkt/status", RESOLVE_DIRECTORY, &target, err);
  if (result == 0)
    result = mount_clone(AT_FDCWD, "status", 0, MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC, &status, err);
  return result < 0 ? result : mount_attach(status, target, "", err);
}

/* Their files are those of the pod's users, where it has some; stage1's own are the host's. */
static int attach_apps(const struct plan *plan, int root, struct rkt_error *err) {
  cleanup_close int userns = -1;
  int result = userns_open(plan, &userns, err);
  if (result == 0 && plan->userns != NULL)
    result = userns_own_files(plan->userns, err);
  for (size_t i = 0; result == 0 && i < plan->apps.count; i++)
    result = attach_app(&plan_apps(plan)[i], userns, root, err);
  return result < 0 || plan->userns == NULL ? result : userns_own_files(NULL, err);
}

int keeper_mount_pod(const struct plan *plan, struct rkt_error *err) {
  int result = leave_host(err);
  if (result < 0)
    return result;
  struct plan_app stage1 = as_app(plan->stage1);
  cleanup_close int root = -1;
  result = attach_root(&stage1, &root, err);
  if (result == 0)
    result = attach_status(root, err);
  return result < 0 ? result : attach_apps(plan, root, err);
}

/*
 * The writable layer becomes one more that is only read: a volatile overlay cannot be mounted for writing again. It is named from
 * here, because the pod's directory has moved since the plan was written.
 */
int keeper_mount_remains(const struct plan *plan, struct rkt_error *err) {
  const struct plan_stage1 *stage1 = plan->stage1;
  int result = leave_host(err);
  if (result < 0 || stage1->upper == NULL)
    return result;
  cleanup_free const char **layers = calloc(stage1->lowers.count + 2, sizeof(*layers));
  if (layers == NULL)
    return rkt_fail(err, ENOMEM, "mounting stage1's root filesystem");
  layers[0] = "stage1/upper";
  for (size_t i = 0; i < stage1->lowers.count; i++)
    layers[i + 1] = plan_strings(&stage1->lowers)[i];
  struct plan_app remains = {.lowers = {.items = layers, .count = stage1->lowers.count + 1}};
  cleanup_close int root = -1;
  return attach_root(&remains, &root, err);
}
