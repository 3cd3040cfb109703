#include "stage1/system-mounts.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "stage1/mount-api.h"
#include "stage1/resolve.h"
#include "stage1/staging.h"

#define SAFE (MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC)

/* An image decides what its /proc is; a link there would send the mount, and what is masked in it, elsewhere. */
static int open_mountpoint(int root, const char *path, int *ret_fd, struct rkt_error *err) {
  if (mkdirat(root, path + 1, 0755) < 0 && errno != EEXIST && errno != EROFS)
    return rkt_fail(err, errno, "making %s in the root filesystem", path);
  int fd = resolve_beneath(root, path, false);
  if (fd == -ELOOP)
    return rkt_fail(err, 0, "mounting %s: it is a symbolic link in the image", path);
  if (fd == -ENOENT)
    return rkt_fail(err, 0, "mounting %s: the root filesystem is read-only and has no such directory", path);
  if (fd < 0)
    return rkt_fail(err, -fd, "opening %s in the root filesystem", path);
  struct stat status;
  if (fstat(fd, &status) < 0 || !S_ISDIR(status.st_mode)) {
    close(fd);
    return rkt_fail(err, ENOTDIR, "mounting %s", path);
  }
  *ret_fd = fd;
  return 0;
}

static int attach_at(int root, const char *path, int mount, struct rkt_error *err) {
  cleanup_close int target = -1;
  int result = open_mountpoint(root, path, &target, err);
  return result < 0 ? result : mount_attach(mount, target, "", err);
}

static int mount_proc(int root, struct rkt_error *err) {
  cleanup_close int proc = -1;
  int result = mount_create("proc", NULL, 0, SAFE, &proc, err);
  return result < 0 ? result : attach_at(root, "/proc", proc, err);
}

int system_mount_empty(int staging, int target, struct rkt_error *err) {
  cleanup_close int empty = -1;
  int result = mount_clone(staging, "empty", 0, SAFE | MOUNT_ATTR_RDONLY, &empty, err);
  return result < 0 ? result : mount_attach(empty, target, "", err);
}

static int mount_sys(int root, int staging, struct rkt_error *err) {
  cleanup_close int sys = -1;
  int result = mount_create("sysfs", NULL, 0, SAFE | MOUNT_ATTR_RDONLY, &sys, err);
  if (result < 0)
    result = mount_clone(AT_FDCWD, "/sys", AT_RECURSIVE, SAFE | MOUNT_ATTR_RDONLY, &sys, err);
  if (result == 0)
    result = attach_at(root, "/sys", sys, err);
  if (result < 0)
    return result;
  cleanup_close int cgroup = resolve_beneath(sys, "/fs/cgroup", false);
  return cgroup < 0 ? 0 : system_mount_empty(staging, cgroup, err);
}

static int make_node_file(int dev, const char *name, int *ret_file, struct rkt_error *err) {
  int file = openat(dev, name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
  if (file < 0)
    return rkt_fail(err, errno, "making /dev/%s", name);
  *ret_file = file;
  return 0;
}

/*
 * Apps may hold CAP_MKNOD, so every file system they can write to is mounted nodev, /dev as well; the nodes that should
 * work are single bind mounts from a file system that is not.
 */
static int bind_node(int staging, const char *source, int dev, const char *name, struct rkt_error *err) {
  cleanup_close int file = -1;
  cleanup_close int node = -1;
  int result = make_node_file(dev, name, &file, err);
  if (result < 0)
    return result;
  result = mount_clone(staging, source, 0, MOUNT_ATTR_NOSUID | MOUNT_ATTR_NOEXEC, &node, err);
  return result < 0 ? result : mount_attach(node, file, "", err);
}

static int bind_nodes(int staging, int dev, struct rkt_error *err) {
  for (size_t i = 0; i < staging_node_count; i++) {
    int result = bind_node(staging, staging_nodes[i].name, dev, staging_nodes[i].name, err);
    if (result < 0)
      return result;
  }
  return 0;
}

/* The name of the terminal on standard input, where there is one and the name still leads to it. */
static bool find_terminal(char *name, size_t size) {
  struct stat by_fd;
  struct stat by_name;
  if (!isatty(STDIN_FILENO))
    return false;
  ssize_t length = readlink("/proc/self/fd/0", name, size - 1);
  if (length <= 0)
    return false;
  name[length] = '\0';
  return fstat(STDIN_FILENO, &by_fd) == 0 && lstat(name, &by_name) == 0 && S_ISCHR(by_name.st_mode) &&
         by_fd.st_rdev == by_name.st_rdev && by_fd.st_ino == by_name.st_ino && by_fd.st_dev == by_name.st_dev;
}

static int make_console(int staging, int dev, bool empty, struct rkt_error *err) {
  char terminal[256];
  cleanup_close int file = -1;
  if (empty)
    return make_node_file(dev, "console", &file, err);
  return find_terminal(terminal, sizeof(terminal)) ? bind_node(AT_FDCWD, terminal, dev, "console", err)
                                                   : bind_node(staging, "null", dev, "console", err);
}

static int make_links(int dev, struct rkt_error *err) {
  static const char *const links[][2] = {
      {"pts/ptmx", "ptmx"},
      {"/proc/self/fd", "fd"},
      {"/proc/self/fd/0", "stdin"},
      {"/proc/self/fd/1", "stdout"},
      {"/proc/self/fd/2", "stderr"},
  };
  for (size_t i = 0; i < sizeof(links) / sizeof(links[0]); i++)
    if (symlinkat(links[i][0], dev, links[i][1]) < 0)
      return rkt_fail(err, errno, "making the link /dev/%s", links[i][1]);
  return 0;
}

static int attach_below_dev(int mount, int dev, const char *name, struct rkt_error *err) {
  if (mkdirat(dev, name, 0755) < 0)
    return rkt_fail(err, errno, "making /dev/%s", name);
  return mount_attach(mount, dev, name, err);
}

static int mount_pts(int dev, struct rkt_error *err) {
  static const struct mount_option options[] = {
      {"newinstance", NULL}, {"ptmxmode", "0666"}, {"mode", "0620"}, {"gid", "5"}};
  cleanup_close int pts = -1;
  int result = mount_create("devpts", options, 4, MOUNT_ATTR_NOSUID | MOUNT_ATTR_NOEXEC, &pts, err);
  return result < 0 ? result : attach_below_dev(pts, dev, "pts", err);
}

static int mount_shm(int staging, int dev, struct rkt_error *err) {
  cleanup_close int shm = -1;
  int result = mount_clone(staging, "shm", 0, SAFE, &shm, err);
  return result < 0 ? result : attach_below_dev(shm, dev, "shm", err);
}

static int mount_mqueue(int dev, struct rkt_error *err) {
  cleanup_close int mqueue = -1;
  int result = mount_create("mqueue", NULL, 0, SAFE, &mqueue, err);
  /* Kernels may be built without it, and no spec asks for it. */
  return result == -ENODEV ? 0 : result < 0 ? result : attach_below_dev(mqueue, dev, "mqueue", err);
}

static int mount_dev(int root, int staging, bool empty_console, struct rkt_error *err) {
  static const struct mount_option options[] = {{"mode", "0755"}, {"size", "1m"}};
  cleanup_close int dev = -1;
  int result = mount_create("tmpfs", options, 2, MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV, &dev, err);
  if (result == 0)
    result = attach_at(root, "/dev", dev, err);
  if (result == 0)
    result = bind_nodes(staging, dev, err);
  if (result == 0)
    result = make_console(staging, dev, empty_console, err);
  if (result == 0)
    result = make_links(dev, err);
  if (result == 0)
    result = mount_pts(dev, err);
  if (result == 0)
    result = mount_shm(staging, dev, err);
  return result < 0 ? result : mount_mqueue(dev, err);
}

int system_mounts(int root, int staging, bool empty_console, struct rkt_error *err) {
  int result = mount_proc(root, err);
  if (result == 0)
    result = mount_sys(root, staging, err);
  return result < 0 ? result : mount_dev(root, staging, empty_console, err);
}
