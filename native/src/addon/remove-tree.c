/*
 * Removal of a tree of any depth with few descriptors and little recursion: what lies deeper than MAX_DEPTH is moved up to the tree's
 * first level, and removed from there in another pass.
 *
 * A directory takes four calls besides those for its entries: it is opened, read, removed and closed. readdir(3) would make it nine.
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

/* One descriptor and one buffer each; trees of images are rarely deeper. */
#define MAX_DEPTH 32

/* How often a directory is emptied that others put something into. */
#define MAX_PASSES 3

struct removal {
  const char *path;
  int root;
  unsigned long moved;
  struct rkt_error *err;
};

/* A directory that is being removed, by its name in its parent. */
struct directory {
  int parent;
  const char *name;
  int fd;
  int depth;
};

/* A directory that is neither a link nor a mount point. */
static int open_child(int dirfd, const char *name) {
  struct open_how how = {
      .flags = O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC,
      .resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_XDEV,
  };
  int fd = (int)syscall(SYS_openat2, dirfd, name, &how, sizeof(how));
  if (fd < 0 && errno == EXDEV)
    errno = EBUSY; /* what rmdir(2) says of a mount point */
  return fd;
}

static int fail(struct removal *removal, const char *name) {
  if (name == removal->path)
    return rkt_fail(removal->err, errno, "removing %s", name);
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

/* True where it is gone; otherwise errno says why not. */
static bool remove_empty(int parent, const char *name) {
  return unlinkat(parent, name, AT_REMOVEDIR) == 0 || errno == ENOENT;
}

static bool is_not_empty(int errnum) { return errnum == ENOTEMPTY || errnum == EEXIST; }

static int remove_opened(struct removal *removal, const struct directory *directory);

/* One that is too deep is moved to where it is not. */
static int remove_directory(struct removal *removal, int parent, const char *name, int depth) {
  if (depth == MAX_DEPTH) {
    if (remove_empty(parent, name))
      return 0;
    return is_not_empty(errno) ? move_up(removal, parent, name) : fail(removal, name);
  }
  cleanup_close int fd = open_child(parent, name);
  if (fd < 0)
    return errno == ENOENT ? 0 : fail(removal, name);
  return remove_opened(removal, &(struct directory){.parent = parent, .name = name, .fd = fd, .depth = depth});
}

static int remove_entry(struct removal *removal, int parent, const struct dirent64 *entry, int depth) {
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

static bool is_entry(const char *name) { return strcmp(name, ".") != 0 && strcmp(name, "..") != 0; }

/*
 * Reads some of a directory's entries and removes them. Returns 0 where there were no more, 1 where there may be, and 2 where there was
 * room for another: then most probably these were the last.
 */
static int remove_some(struct removal *removal, const struct directory *directory) {
  _Alignas(struct dirent64) char entries[8192];
  ssize_t size = getdents64(directory->fd, entries, sizeof(entries));
  if (size < 0)
    return rkt_fail(removal->err, errno, "reading below %s", removal->path);
  for (ssize_t at = 0; at < size;) {
    const struct dirent64 *entry = (const struct dirent64 *)(entries + at);
    at += entry->d_reclen;
    int result = is_entry(entry->d_name) ? remove_entry(removal, directory->fd, entry, directory->depth + 1) : 0;
    if (result < 0)
      return result;
  }
  if (size == 0)
    return 0;
  return (size_t)size + sizeof(struct dirent64) > sizeof(entries) ? 1 : 2;
}

/*
 * Removes a directory with its content. What comes in meanwhile, such as a marker that gets its other name or what is moved up, is found
 * by another pass.
 */
static int remove_opened(struct removal *removal, const struct directory *directory) {
  for (int passes = 0; passes < MAX_PASSES; passes++) {
    unsigned long moved = removal->moved;
    for (int some = 1; some > 0;) {
      some = remove_some(removal, directory);
      if (some < 0)
        return some;
      if (some != 1 && remove_empty(directory->parent, directory->name))
        return 0;
    }
    if (!is_not_empty(errno) || lseek(directory->fd, 0, SEEK_SET) < 0)
      break;
    if (removal->moved != moved)
      passes = 0;
  }
  return fail(removal, directory->name);
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
  return remove_opened(&removal, &(struct directory){.parent = AT_FDCWD, .name = path, .fd = root, .depth = 0});
}
