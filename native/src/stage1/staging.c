#include "stage1/staging.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "stage1/mount-api.h"

const struct staging_node staging_nodes[] = {
    {"null", 1, 3}, {"zero", 1, 5}, {"full", 1, 7}, {"random", 1, 8}, {"urandom", 1, 9}, {"tty", 5, 0},
};
const size_t staging_node_count = sizeof(staging_nodes) / sizeof(staging_nodes[0]);

static int make_nodes(int dir, struct rkt_error *err) {
  for (size_t i = 0; i < staging_node_count; i++) {
    const struct staging_node *node = &staging_nodes[i];
    if (mknodat(dir, node->name, S_IFCHR | 0666, makedev(node->major, node->minor)) < 0 ||
        fchmodat(dir, node->name, 0666, 0) < 0)
      return rkt_fail(err, errno, "making the device node %s", node->name);
  }
  return 0;
}

static int make_directories(int dir, struct rkt_error *err) {
  static const char *const names[] = {"root", "empty", "shm"};
  for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
    if (mkdirat(dir, names[i], 0755) < 0)
      return rkt_fail(err, errno, "making the directory %s", names[i]);
  return 0;
}

static int attach_shm(int dir, struct rkt_error *err) {
  static const struct mount_option options[] = {{"mode", "1777"}};
  cleanup_close int shm = -1;
  int result = mount_create("tmpfs", options, 1, MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC, &shm, err);
  return result < 0 ? result : mount_attach(shm, dir, "shm", err);
}

int staging_create(int mountpoint, struct rkt_error *err) {
  static const struct mount_option options[] = {{"mode", "0700"}, {"size", "64k"}, {"nr_inodes", "32"}};
  cleanup_close int dir = -1;
  int result = mount_create("tmpfs", options, 3, MOUNT_ATTR_NOSUID | MOUNT_ATTR_NOEXEC, &dir, err);
  if (result == 0)
    result = mount_attach(dir, mountpoint, "", err);
  if (result == 0)
    result = make_nodes(dir, err);
  if (result == 0)
    result = make_directories(dir, err);
  if (result == 0)
    result = attach_shm(dir, err);
  if (result == 0 && fchdir(dir) < 0)
    result = rkt_fail(err, errno, "entering the staging directory");
  return result;
}
