/*
 * Removal of a tree of any depth with few descriptors and little recursion: what lies deeper than MAX_DEPTH is moved up to the tree's
 * first level, and removed from there in another pass.
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

/* One descriptor each; trees of images are rarely deeper. */
#define MAX_DEPTH 32

/* How often a directory is emptied that others put something into. */
#define MAX_PASSES 3

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

static int fail(struct removal *removal, const char *name) {
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
  return result < 0 ? fail(removal, name) : 0;
}

static int empty(struct removal *removal, int fd, int depth, bool *ret_left);

/*
 * Removes a directory with its content; one that is too deep is moved to where it is not. What comes in meanwhile, such as a marker
 * that gets its other name, is found by another pass.
 */
static int remove_directory(struct removal *removal, int parent, const char *name, int depth) {
  for (int passes = 0;; passes++) {
    if (unlinkat(parent, name, AT_REMOVEDIR) == 0 || errno == ENOENT)
      return 0;
    if ((errno != ENOTEMPTY && errno != EEXIST) || passes == MAX_PASSES)
      return fail(removal, name);
    if (depth == MAX_DEPTH)
      return move_up(removal, parent, name);
    int fd = open_child(parent, name);
    if (fd < 0)
      return errno == ENOENT ? 0 : fail(removal, name);
    bool left;
    int result = empty(removal, fd, depth + 1, &left);
    if (result < 0)
      return result;
  }
}

static int remove_entry(struct removal *removal, int parent, const struct dirent *entry, int depth) {
  const char *name = entry->d_name;
  if (entry->d_type == DT_DIR)
    return remove_directory(removal, parent, name, depth);
  if (unlinkat(parent, name, 0) == 0 || errno == ENOENT)
    return 0;
  /* Of some file systems the kernel does not say what is a directory. */
  if (errno == EISDIR || (errno == EPERM && entry->d_type == DT_UNKNOWN))
    return remove_directory(removal, parent, name, depth);
  return fail(removal, name);
}

/* Removes what is in a directory, and closes it. *ret_left says whether anything was there. */
static int empty(struct removal *removal, int fd, int depth, bool *ret_left) {
  __attribute__((cleanup(cleanup_dir))) DIR *dir = fdopendir(fd);
  if (!dir) {
    int errnum = errno;
    close(fd);
    return rkt_fail(removal->err, errnum, "reading below %s", removal->path);
  }
  bool left = false;
  for (struct dirent *entry; (entry = readdir(dir));) {
    if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
      continue;
    left = true;
    int result = remove_entry(removal, dirfd(dir), entry, depth);
    if (result < 0)
      return result;
  }
  *ret_left = left;
  return 0;
}

/* One pass over the first level. */
static int sweep(struct removal *removal, bool *ret_left) {
  int fd = openat(removal->root, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (fd < 0)
    return rkt_fail(removal->err, errno, "reading %s", removal->path);
  return empty(removal, fd, 0, ret_left);
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
  for (;;) {
    bool left;
    int result = sweep(&removal, &left);
    if (result < 0)
      return result;
    /* Without another pass, unless something was moved up or came in. */
    if (rmdir(path) == 0 || errno == ENOENT)
      return 0;
    if (!left || (errno != ENOTEMPTY && errno != EEXIST))
      return rkt_fail(err, errno, "removing %s", path);
  }
}
