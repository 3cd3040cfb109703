#include "unmount.h"

#include <errno.h>
#include <sys/mount.h>

int rkt_unmount(const char *path, bool *ret_unmounted, struct rkt_error *err) {
  int result = umount2(path, MNT_DETACH | UMOUNT_NOFOLLOW);
  if (result < 0 && errno != EINVAL && errno != ENOENT)
    return rkt_fail(err, errno, "unmounting %s", path);
  *ret_unmounted = result == 0;
  return 0;
}
