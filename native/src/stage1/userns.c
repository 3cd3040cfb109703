#include "stage1/userns.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <linux/securebits.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/fsuid.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "stage1/mount-api.h"
#include "stage1/resolve.h"
#include "stage1/signals.h"

/* The group of terminals, in the pod as on the host. */
#define TTY_GROUP 5

int userns_open(const struct plan *plan, int *ret_fd, struct rkt_error *err) {
  *ret_fd = -1;
  if (plan->userns == NULL)
    return 0;
  int fd = open(plan->userns->path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
  if (fd < 0)
    return rkt_fail(err, errno, "opening the user namespace %s", plan->userns->path);
  *ret_fd = fd;
  return 0;
}

static int map_ids(int mount, int userns, const char *path, uint64_t attributes, struct rkt_error *err) {
  struct mount_attr attr = {
      .attr_set = attributes | MOUNT_ATTR_IDMAP, .propagation = MS_PRIVATE, .userns_fd = (uint64_t)userns};
  if (mount_setattr(mount, "", AT_EMPTY_PATH, &attr, sizeof(attr)) == 0)
    return 0;
  if (errno == EINVAL || errno == ENOSYS)
    return rkt_fail(err, 0, "shifting the ids of %s: the kernel or this file system cannot; --private-users needs Linux "
                            "5.19 and a data directory on ext4, xfs, btrfs, f2fs or (from 6.3) tmpfs", path);
  return rkt_fail(err, errno, "shifting the ids of %s", path);
}

int userns_shift_mount(int mount, int userns, const char *path, struct rkt_error *err) {
  return userns < 0 ? 0 : map_ids(mount, userns, path, 0, err);
}

int userns_clone_mapped(int userns, const char *path, bool writable, int place, int *ret_mount, struct rkt_error *err) {
  cleanup_close int mount = open_tree(AT_FDCWD, path, OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC);
  if (mount < 0)
    return rkt_fail(err, errno, "cloning the mount of %s", path);
  int result = map_ids(mount, userns, path, MOUNT_ATTR_NODEV | (writable ? 0 : MOUNT_ATTR_RDONLY), err);
  /* Before Linux 6.15 an overlay takes no layer that is mounted nowhere. */
  if (result == 0)
    result = mount_attach(mount, place, "", err);
  if (result == 0)
    *ret_mount = rkt_steal_fd(&mount);
  return result;
}

/* The kernel's rule that a change of this id takes or gives capabilities is switched off for the while. */
int userns_own_files(const struct plan_userns *userns, struct rkt_error *err) {
  unsigned id = userns == NULL ? 0 : userns->shift;
  if (prctl(PR_SET_SECUREBITS, SECBIT_NO_SETUID_FIXUP, 0, 0, 0) < 0)
    return rkt_fail(err, errno, "keeping capabilities");
  int parent_death = signals_get_parent_death();
  setfsgid(id);
  setfsuid(id);
  signals_set_parent_death(parent_death);
  /* They report the id that was set before, and no error. */
  if ((unsigned)setfsuid(~0u) != id || (unsigned)setfsgid(~0u) != id)
    return rkt_fail(err, EPERM, "making files as user %u", id);
  if (userns == NULL && prctl(PR_SET_SECUREBITS, 0, 0, 0, 0) < 0)
    return rkt_fail(err, errno, "resetting capabilities");
  return 0;
}

static int own(int root, const char *path, unsigned id, int *ret_fd, struct rkt_error *err) {
  cleanup_close int fd = resolve_beneath(root, path, false);
  if (fd == -ENOENT)
    return 0;
  if (fd < 0 || fchownat(fd, "", id, id, AT_EMPTY_PATH) < 0)
    return rkt_fail(err, fd < 0 ? -fd : errno, "giving %s to the pod's root", path);
  if (ret_fd != NULL)
    *ret_fd = rkt_steal_fd(&fd);
  return 0;
}

/* Terminals that are made from now on belong to the pod's group of terminals. */
static int set_terminal_group(int pts, unsigned group, struct rkt_error *err) {
  char text[16];
  snprintf(text, sizeof(text), "%u", group);
  cleanup_close int context = fspick(pts, "", FSPICK_CLOEXEC | FSPICK_EMPTY_PATH);
  if (context < 0 || fsconfig(context, FSCONFIG_SET_STRING, "ptmxmode", "0666", 0) < 0 ||
      fsconfig(context, FSCONFIG_SET_STRING, "mode", "0620", 0) < 0 ||
      fsconfig(context, FSCONFIG_SET_STRING, "gid", text, 0) < 0 ||
      fsconfig(context, FSCONFIG_CMD_RECONFIGURE, NULL, NULL, 0) < 0)
    return rkt_fail(err, errno, "setting the group of terminals");
  return 0;
}

int userns_own_devices(const struct plan_userns *userns, int root, struct rkt_error *err) {
  if (userns == NULL)
    return 0;
  cleanup_close int pts = -1;
  int result = own(root, "/dev/pts", userns->shift, &pts, err);
  if (result == 0 && pts >= 0 && userns->range > TTY_GROUP)
    result = set_terminal_group(pts, userns->shift + TTY_GROUP, err);
  if (result == 0)
    result = own(root, "/dev/pts/ptmx", userns->shift, NULL, err);
  return result < 0 ? result : own(root, "/dev/mqueue", userns->shift, NULL, err);
}

static bool is_ours(int fd, const struct stat *stream) {
  struct stat terminals;
  struct statfs filesystem;
  /* A pipe, not a FIFO that has a name: that is a file of the host's. */
  if (S_ISFIFO(stream->st_mode))
    return fstatfs(fd, &filesystem) == 0 && filesystem.f_type == PIPEFS_MAGIC;
  return S_ISCHR(stream->st_mode) && lstat("/dev/pts", &terminals) == 0 && stream->st_dev == terminals.st_dev;
}

int userns_own_streams(const struct plan_userns *userns, const struct plan_app *app, struct rkt_error *err) {
  for (int fd = 0; userns != NULL && fd <= 2; fd++) {
    struct stat status;
    if (fstat(fd, &status) == 0 && is_ours(fd, &status) &&
        fchown(fd, userns->shift + app->uid, S_ISCHR(status.st_mode) ? (gid_t)-1 : userns->shift + app->gid) < 0)
      return rkt_fail(err, errno, "giving descriptor %d to the app", fd);
  }
  return 0;
}

int userns_join(int userns, struct rkt_error *err) {
  if (userns >= 0 && setns(userns, CLONE_NEWUSER) < 0)
    return rkt_fail(err, errno, "joining the pod's user namespace");
  return 0;
}
