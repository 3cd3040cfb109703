#include "stage1/resolve.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/openat2.h>
#include <stdint.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "stage1/resolve-walk.h"

/* The kernel asks to try again when something was renamed while `..` was resolved; a hostile app can make it do so often. */
#define MAX_ATTEMPTS 128

static int open_path(int dir, const char *path, uint64_t resolve) {
  struct open_how how = {.flags = O_PATH | O_CLOEXEC, .resolve = resolve | RESOLVE_NO_MAGICLINKS};
  for (int attempt = 0; attempt < MAX_ATTEMPTS; attempt++) {
    int fd = (int)syscall(SYS_openat2, dir, path, &how, sizeof(how));
    if (fd >= 0)
      return fd;
    if (errno != EAGAIN && errno != EINTR)
      break;
  }
  return -errno;
}

int resolve_beneath(int root, const char *path, bool follow) {
  int fd = open_path(root, path, RESOLVE_IN_ROOT | (follow ? 0 : RESOLVE_NO_SYMLINKS));
  return fd == -ENOSYS ? resolve_walk(root, path, follow) : fd;
}

int resolve_host(const char *path, int *ret_fd, struct rkt_error *err) {
  int fd = open_path(AT_FDCWD, path, RESOLVE_NO_SYMLINKS);
  if (fd == -ENOSYS) {
    cleanup_close int root = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
    fd = root < 0 ? -errno : resolve_walk(root, path, false);
  }
  if (fd == -ELOOP)
    return rkt_fail(err, 0, "opening %s: it is a symbolic link, or has one among its directories", path);
  if (fd < 0)
    return rkt_fail(err, -fd, "opening %s", path);
  *ret_fd = fd;
  return 0;
}

/* Opens what was just made; whatever replaced it in between is not followed. */
static int open_made(int parent, const char *name, int flags) {
  int fd = openat(parent, name, O_PATH | O_NOFOLLOW | O_CLOEXEC | flags);
  return fd < 0 ? -errno : fd;
}

static int make_directory(int parent, const char *name) {
  return mkdirat(parent, name, 0755) < 0 ? -errno : open_made(parent, name, O_DIRECTORY);
}

static int make_file(int parent, const char *name) {
  cleanup_close int fd = openat(parent, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0644);
  return fd < 0 ? -errno : open_made(parent, name, 0);
}

/*
 * One step down: `prefix` is the path so far, `name` its last component. A link that leads nowhere resolves to ENOENT and
 * then refuses to be made (EEXIST): what it was meant to be is not ours to guess.
 */
static int step(int root, int parent, const char *prefix, const char *name, enum resolve_kind kind) {
  int fd = resolve_beneath(root, prefix, true);
  if (fd != -ENOENT)
    return fd;
  return kind == RESOLVE_FILE ? make_file(parent, name) : make_directory(parent, name);
}

static int fail_step(int result, const char *prefix, struct rkt_error *err) {
  if (result == -EEXIST) {
    rkt_fail(err, 0, "making %s in the root filesystem: it is a symbolic link that leads nowhere", prefix);
    err->errnum = ENOENT;
    return -ENOENT;
  }
  return rkt_fail(err, -result, "making %s in the root filesystem", prefix);
}

int resolve_or_make(int root, const char *path, enum resolve_kind kind, int *ret_fd, struct rkt_error *err) {
  int found = resolve_beneath(root, path, true);
  if (found >= 0) {
    *ret_fd = found;
    return 0;
  }
  char prefix[PATH_MAX];
  cleanup_close int parent = openat(root, ".", O_PATH | O_DIRECTORY | O_CLOEXEC);
  if (parent < 0)
    return rkt_fail(err, errno, "opening the root filesystem");
  for (size_t start = 1; path[start] != '\0';) {
    size_t end = start + strcspn(path + start, "/");
    bool last = path[end] == '\0';
    memcpy(prefix, path, end);
    prefix[end] = '\0';
    int fd = step(root, parent, prefix, prefix + start, last ? kind : RESOLVE_DIRECTORY);
    if (fd < 0)
      return fail_step(fd, prefix, err);
    close(parent);
    parent = fd;
    start = last ? end : end + 1;
  }
  *ret_fd = rkt_steal_fd(&parent);
  return 0;
}

int resolve_parent(int root, const char *path, int *ret_fd, const char **ret_name, struct rkt_error *err) {
  const char *slash = strrchr(path, '/');
  char parent[PATH_MAX];
  size_t length = (size_t)(slash - path);
  memcpy(parent, path, length);
  memcpy(parent + length, length == 0 ? "/" : "", length == 0 ? 2 : 1);
  int result = resolve_or_make(root, parent, RESOLVE_DIRECTORY, ret_fd, err);
  if (result == 0)
    *ret_name = slash + 1;
  return result;
}
