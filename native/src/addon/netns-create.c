#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
#include <sched.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "netns.h"

/* The loopback of a new namespace is down; up, it has 127.0.0.1 and ::1 by itself. */
int rkt_netns_set_loopback_up(const char **ret_syscall, struct rkt_error *err) {
  *ret_syscall = "socket";
  cleanup_close int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  if (fd < 0)
    return rkt_fail(err, errno, "opening a socket in the new network namespace");
  *ret_syscall = "ioctl";
  struct ifreq request = {.ifr_name = "lo", .ifr_flags = IFF_UP};
  if (ioctl(fd, SIOCSIFFLAGS, &request) < 0)
    return rkt_fail(err, errno, "setting up the loopback of the new network namespace");
  return 0;
}

static int unshare_and_pin(const char *path, const char **ret_syscall, struct rkt_error *err) {
  *ret_syscall = "unshare";
  if (unshare(CLONE_NEWNET) < 0)
    return rkt_fail(err, errno, "making a network namespace");
  int result = rkt_netns_set_loopback_up(ret_syscall, err);
  if (result < 0)
    return result;
  *ret_syscall = "mount";
  if (mount("/proc/thread-self/ns/net", path, NULL, MS_BIND, NULL) < 0)
    return rkt_fail(err, errno, "pinning the new network namespace on %s", path);
  return 0;
}

int rkt_netns_create(const char *path, const char **ret_syscall, struct rkt_error *err) {
  *ret_syscall = "open";
  int fd = open(path, O_RDONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0444);
  if (fd < 0)
    return rkt_fail(err, errno, "making %s for a network namespace", path);
  close(fd);
  int result = unshare_and_pin(path, ret_syscall, err);
  if (result < 0)
    unlink(path);
  return result;
}

int rkt_netns_remove(const char *path, const char **ret_syscall, struct rkt_error *err) {
  /* Several mounts may be stacked on one path; EINVAL says that none is left. */
  int result;
  *ret_syscall = "umount2";
  do {
    result = umount2(path, MNT_DETACH | UMOUNT_NOFOLLOW);
  } while (result == 0);
  if (errno != EINVAL && errno != ENOENT)
    return rkt_fail(err, errno, "unpinning the network namespace %s", path);
  *ret_syscall = "unlink";
  if (unlink(path) < 0 && errno != ENOENT)
    return rkt_fail(err, errno, "removing %s of a network namespace", path);
  return 0;
}
