/*
 * Removal of a tree of any depth with three descriptors and no recursion: a directory that is not empty is moved up beside
 * the tree's first level before its own content is looked at, so nothing is ever deeper than two levels below the root.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "addon/fs.h"
#include "common/cleanup.h"

struct removal {
  const char *path;
  int root;
  unsigned long moved;
  struct rkt_error *err;
};

static void cleanup_dir(DIR **dir) {
  if (*dir)
    closedir(*dir);
}

/* A directory that is neither a link nor a mount point. */
static int open_child(int dirfd, const char *name) {
  struct open_how how = {
      .flags = O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC,
      .resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_XDEV,
  };
  return (int)syscall(SYS_openat2, dirfd, name, &how, sizeof(how));
}

/* Removes one entry. Returns 1 where it is a directory that is not empty. */
static int remove_entry(struct removal *removal, int dirfd, const char *name) {
  if (unlinkat(dirfd, name, 0) == 0 || errno == ENOENT)
    return 0;
  if (errno != EISDIR && errno != EPERM)
    return rkt_fail(removal->err, errno, "removing %s below %s", name, removal->path);
  if (unlinkat(dirfd, name, AT_REMOVEDIR) == 0 || errno == ENOENT)
    return 0;
  if (errno == ENOTEMPTY || errno == EEXIST)
    return 1;
  return rkt_fail(removal->err, errno, "removing %s below %s", name, removal->path);
}

/* Moves a directory to the first level, under a name that is free. */
static int move_up(struct removal *removal, int dirfd, const char *name) {
  char target[32];
  int result;
  do {
    snprintf(target, sizeof(target), ".removed-%lu", removal->moved++);
    result = (int)syscall(SYS_renameat2, dirfd, name, removal->root, target, RENAME_NOREPLACE);
  } while (result < 0 && errno == EEXIST);
  if (result < 0)
    return rkt_fail(removal->err, errno, "removing %s below %s", name, removal->path);
  return 0;
}

/* Empties a directory of the first level; its own directories are moved up. */
static int empty_child(struct removal *removal, const char *name) {
  int fd = open_child(removal->root, name);
  if (fd < 0)
    return rkt_fail(removal->err, errno, "removing %s below %s", name, removal->path);
  __attribute__((cleanup(cleanup_dir))) DIR *dir = fdopendir(fd);
  if (!dir) {
    int errnum = errno;
    close(fd);
    return rkt_fail(removal->err, errnum, "removing %s below %s", name, removal->path);
  }
  for (struct dirent *entry; (entry = readdir(dir));) {
    if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
      continue;
    int result = remove_entry(removal, dirfd(dir), entry->d_name);
    if (result > 0)
      result = move_up(removal, dirfd(dir), entry->d_name);
    if (result < 0)
      return result;
  }
  return 0;
}

/* One pass over the first level. *ret_left says whether anything was there. */
static int sweep(struct removal *removal, bool *ret_left) {
  int fd = openat(removal->root, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  __attribute__((cleanup(cleanup_dir))) DIR *dir = fd < 0 ? NULL : fdopendir(fd);
  if (!dir) {
    int errnum = errno;
    if (fd >= 0)
      close(fd);
    return rkt_fail(removal->err, errnum, "reading %s", removal->path);
  }
  bool left = false;
  for (struct dirent *entry; (entry = readdir(dir));) {
    if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
      continue;
    left = true;
    int result = remove_entry(removal, removal->root, entry->d_name);
    if (result > 0)
      result = empty_child(removal, entry->d_name);
    if (result < 0)
      return result;
  }
  *ret_left = left;
  return 0;
}

int rkt_fs_remove_tree(const char *path, struct rkt_error *err) {
  cleanup_close int root = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
  if (root < 0) {
    if (errno == ENOENT)
      return 0;
    if (errno != ENOTDIR && errno != ELOOP)
      return rkt_fail(err, errno, "opening %s", path);
    return unlink(path) == 0 || errno == ENOENT ? 0 : rkt_fail(err, errno, "removing %s", path);
  }
  struct removal removal = {.path = path, .root = root, .err = err};
  for (bool left = true; left;) {
    int result = sweep(&removal, &left);
    if (result < 0)
      return result;
  }
  return rmdir(path) == 0 || errno == ENOENT ? 0 : rkt_fail(err, errno, "removing %s", path);
}
