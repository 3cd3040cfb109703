#include "stage1/pty.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <stdbool.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "stage1/resolve.h"

/* Linux include/uapi/linux/major.h: TTYAUX_MAJOR; minor 2 is ptmx. */
#define PTMX_DEVICE makedev(5, 2)

static bool is_devpts(int fd) {
  struct statfs filesystem;
  return fstatfs(fd, &filesystem) == 0 && filesystem.f_type == DEVPTS_SUPER_MAGIC;
}

/* Examined before it is opened, as opening a device may have effects, and by what was opened afterwards. */
static bool is_ptmx_of(int fd, int dir) {
  struct stat status;
  struct stat parent;
  return is_devpts(fd) && fstat(fd, &status) == 0 && fstat(dir, &parent) == 0 && S_ISCHR(status.st_mode) &&
         status.st_rdev == PTMX_DEVICE && status.st_dev == parent.st_dev;
}

static int open_master(int root, int *ret_master, struct rkt_error *err) {
  cleanup_close int dir = resolve_beneath(root, "/dev/pts", false);
  if (dir < 0)
    return rkt_fail(err, -dir, "opening /dev/pts of the app");
  cleanup_close int node = openat(dir, "ptmx", O_PATH | O_NOFOLLOW | O_CLOEXEC);
  if (!is_devpts(dir) || (node >= 0 && !is_ptmx_of(node, dir)))
    return rkt_fail(err, 0, "/dev/pts of the app is not the one that it was given");
  cleanup_close int master = openat(dir, "ptmx", O_RDWR | O_NOCTTY | O_NONBLOCK | O_NOFOLLOW | O_CLOEXEC);
  if (master < 0)
    return rkt_fail(err, errno, "opening a terminal of the app");
  if (!is_ptmx_of(master, dir))
    return rkt_fail(err, 0, "/dev/pts of the app is not the one that it was given");
  *ret_master = rkt_steal_fd(&master);
  return 0;
}

int pty_open_slave(int master, int *ret_slave, struct rkt_error *err) {
  int slave = ioctl(master, TIOCGPTPEER, O_RDWR | O_NOCTTY | O_CLOEXEC);
  if (slave < 0)
    return rkt_fail(err, errno, "opening a terminal of the app");
  *ret_slave = slave;
  return 0;
}

int pty_open(int root, struct pty *ret_pty, struct rkt_error *err) {
  cleanup_close int master = -1;
  cleanup_close int slave = -1;
  int result = open_master(root, &master, err);
  if (result < 0)
    return result;
  int locked = 0;
  unsigned number;
  if (ioctl(master, TIOCSPTLCK, &locked) < 0 || ioctl(master, TIOCGPTN, &number) < 0)
    return rkt_fail(err, errno, "opening a terminal of the app");
  result = pty_open_slave(master, &slave, err);
  if (result < 0)
    return result;
  *ret_pty = (struct pty){.master = rkt_steal_fd(&master), .slave = rkt_steal_fd(&slave), .number = number};
  return 0;
}

int pty_replace(int slave, unsigned streams, struct rkt_error *err) {
  for (int fd = 0; fd <= 2; fd++)
    if ((streams & 1u << fd) != 0 && dup2(slave, fd) < 0)
      return rkt_fail(err, errno, "making the terminal descriptor %d", fd);
  return 0;
}

int pty_control(int slave, unsigned uid, struct rkt_error *err) {
  if (fchown(slave, uid, (gid_t)-1) < 0)
    return rkt_fail(err, errno, "giving the terminal to user %u", uid);
  if (setsid() < 0 || ioctl(slave, TIOCSCTTY, 0) < 0)
    return rkt_fail(err, errno, "making the terminal the controlling one");
  return 0;
}
