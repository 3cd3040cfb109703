#include "addon/fs.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "common/cleanup.h"

/* Room for "/proc/self/fd/" and a descriptor. */
#define PROC_FD_SIZE 32

static int openat2_call(int dirfd, const char *path, int flags, uint64_t resolve) {
  struct open_how how = {.flags = (uint64_t)(flags | O_CLOEXEC), .resolve = resolve};
  int fd;
  do
    fd = (int)syscall(SYS_openat2, dirfd, path, &how, sizeof(how));
  /* EAGAIN: a rename elsewhere in the system kept the kernel from proving that the path stays inside. */
  while (fd < 0 && (errno == EINTR || errno == EAGAIN));
  return fd;
}

int rkt_fs_open_beneath(int dirfd, const char *path, int flags, struct rkt_error *err) {
  int fd = openat2_call(dirfd, path, flags, RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS);
  return fd >= 0 ? fd : rkt_fail(err, errno, "opening %s", path);
}

int rkt_fs_open_in_root(const char *root, const char *path, struct rkt_error *err) {
  cleanup_close int root_fd = open(root, O_PATH | O_DIRECTORY | O_CLOEXEC);
  if (root_fd < 0)
    return rkt_fail(err, errno, "opening %s", root);
  int fd = openat2_call(root_fd, path, O_PATH, RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS);
  return fd >= 0 ? fd : rkt_fail(err, errno, "opening %s in %s", path, root);
}

/* A directory that something is created in: one that was opened, or the caller's own, which stays open. */
struct parent {
  int fd;
  int opened;
};

static void cleanup_parent(struct parent *parent) { rkt_cleanup_close(&parent->opened); }

#define scoped_parent __attribute__((cleanup(cleanup_parent))) struct parent

/*
 * Splits a path into its opened directory and its last component, which every creating call below needs: the *at calls
 * themselves would follow links in the leading components.
 */
static int open_parent(int dirfd, const char *path, struct parent *ret, const char **ret_name, struct rkt_error *err) {
  const char *slash = strrchr(path, '/');
  const char *name = slash ? slash + 1 : path;
  if (name[0] == '\0' || strcmp(name, ".") == 0 || strcmp(name, "..") == 0)
    return rkt_fail(err, EINVAL, "creating %s", path);
  *ret_name = name;
  if (!slash) {
    ret->fd = dirfd;
    return 0;
  }
  cleanup_free char *parent = strndup(path, (size_t)(slash - path));
  if (!parent)
    return rkt_fail(err, ENOMEM, "creating %s", path);
  int fd = rkt_fs_open_beneath(dirfd, parent, O_PATH | O_DIRECTORY, err);
  if (fd < 0)
    return fd;
  ret->fd = ret->opened = fd;
  return 0;
}

int rkt_fs_make_directory(int dirfd, const char *path, mode_t mode, struct rkt_error *err) {
  scoped_parent parent = {-1, -1};
  const char *name;
  int result = open_parent(dirfd, path, &parent, &name, err);
  if (result < 0)
    return result;
  return mkdirat(parent.fd, name, mode) == 0 ? 0 : rkt_fail(err, errno, "making directory %s", path);
}

int rkt_fs_make_symlink(int dirfd, const char *path, const char *target, struct rkt_error *err) {
  scoped_parent parent = {-1, -1};
  const char *name;
  int result = open_parent(dirfd, path, &parent, &name, err);
  if (result < 0)
    return result;
  return symlinkat(target, parent.fd, name) == 0 ? 0 : rkt_fail(err, errno, "making symbolic link %s", path);
}

int rkt_fs_make_node(int dirfd, const char *path, mode_t mode, uint32_t major, uint32_t minor, struct rkt_error *err) {
  if (!S_ISCHR(mode) && !S_ISBLK(mode) && !S_ISFIFO(mode))
    return rkt_fail(err, EINVAL, "making node %s", path);
  scoped_parent parent = {-1, -1};
  const char *name;
  int result = open_parent(dirfd, path, &parent, &name, err);
  if (result < 0)
    return result;
  return mknodat(parent.fd, name, mode, makedev(major, minor)) == 0 ? 0 : rkt_fail(err, errno, "making node %s", path);
}

int rkt_fs_make_hardlink(int dirfd, const char *path, const char *existing, struct rkt_error *err) {
  scoped_parent parent = {-1, -1}, existing_parent = {-1, -1};
  const char *name, *existing_name;
  int result = open_parent(dirfd, path, &parent, &name, err);
  if (result < 0)
    return result;
  result = open_parent(dirfd, existing, &existing_parent, &existing_name, err);
  if (result < 0)
    return result;
  if (linkat(existing_parent.fd, existing_name, parent.fd, name, 0) < 0)
    return rkt_fail(err, errno, "linking %s to %s", path, existing);
  return 0;
}

int rkt_fs_create_file(int dirfd, const char *path, struct rkt_error *err) {
  scoped_parent parent = {-1, -1};
  const char *name;
  int result = open_parent(dirfd, path, &parent, &name, err);
  if (result < 0)
    return result;
  int fd = openat(parent.fd, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
  return fd >= 0 ? fd : rkt_fail(err, errno, "creating %s", path);
}

int rkt_fs_remove_entry(int dirfd, const char *path, struct rkt_error *err) {
  scoped_parent parent = {-1, -1};
  const char *name;
  int result = open_parent(dirfd, path, &parent, &name, err);
  if (result < 0)
    return result;
  if (unlinkat(parent.fd, name, 0) == 0)
    return 0;
  if (errno == EISDIR && unlinkat(parent.fd, name, AT_REMOVEDIR) == 0)
    return 0;
  return rkt_fail(err, errno, "removing %s", path);
}

/*
 * What `path` names, links not followed, as an O_PATH descriptor (-1 with path NULL: it is `dirfd` itself), and the name
 * under /proc by which calls reach it that know no descriptors of that kind (chmod, setxattr).
 */
static int open_target(int dirfd, const char *path, int *ret_fd, char proc[PROC_FD_SIZE], struct rkt_error *err) {
  int fd = -1;
  if (path) {
    fd = rkt_fs_open_beneath(dirfd, path, O_PATH | O_NOFOLLOW, err);
    if (fd < 0)
      return fd;
  }
  snprintf(proc, PROC_FD_SIZE, "/proc/self/fd/%d", path ? fd : dirfd);
  *ret_fd = fd;
  return 0;
}

int rkt_fs_set_attributes(int dirfd, const char *path, const struct rkt_fs_attributes *attributes, struct rkt_error *err) {
  cleanup_close int opened = -1;
  char proc[PROC_FD_SIZE];
  int result = open_target(dirfd, path, &opened, proc, err);
  if (result < 0)
    return result;
  int fd = path ? opened : dirfd;
  const char *shown = path ? path : "an open file";

  struct stat status;
  if (fstat(fd, &status) < 0)
    return rkt_fail(err, errno, "examining %s", shown);
  if (fchownat(fd, "", attributes->uid, attributes->gid, AT_EMPTY_PATH) < 0)
    return rkt_fail(err, errno, "changing the owner of %s", shown);
  if (!S_ISLNK(status.st_mode) && chmod(proc, attributes->mode & 07777) < 0)
    return rkt_fail(err, errno, "changing the mode of %s", shown);

  const struct timespec times[2] = {
      {.tv_sec = attributes->mtime_sec, .tv_nsec = attributes->mtime_nsec},
      {.tv_sec = attributes->mtime_sec, .tv_nsec = attributes->mtime_nsec},
  };
  if (utimensat(fd, "", times, AT_EMPTY_PATH) < 0)
    return rkt_fail(err, errno, "setting the time of %s", shown);
  return 0;
}

int rkt_fs_set_xattr(int dirfd, const char *path, const char *name, const void *value, size_t length,
                     struct rkt_error *err) {
  cleanup_close int opened = -1;
  char proc[PROC_FD_SIZE];
  int result = open_target(dirfd, path, &opened, proc, err);
  if (result < 0)
    return result;
  if (setxattr(proc, name, value, length, 0) < 0)
    return rkt_fail(err, errno, "setting the attribute %s of %s", name, path ? path : "an open file");
  return 0;
}

int rkt_fs_list_xattrs(const char *path, char **ret_names, size_t *ret_length, struct rkt_error *err) {
  for (;;) {
    ssize_t size = llistxattr(path, NULL, 0);
    if (size < 0)
      return rkt_fail(err, errno, "listing the attributes of %s", path);
    cleanup_free char *names = malloc((size_t)size + 1);
    if (!names)
      return rkt_fail(err, ENOMEM, "listing the attributes of %s", path);
    ssize_t length = llistxattr(path, names, (size_t)size);
    if (length < 0 && errno == ERANGE)
      continue; /* grew in between */
    if (length < 0)
      return rkt_fail(err, errno, "listing the attributes of %s", path);
    *ret_names = names;
    *ret_length = size == 0 ? 0 : (size_t)length;
    names = NULL;
    return 0;
  }
}

int rkt_fs_get_xattr(const char *path, const char *name, void **ret_value, size_t *ret_length, struct rkt_error *err) {
  for (;;) {
    ssize_t size = lgetxattr(path, name, NULL, 0);
    if (size < 0)
      return rkt_fail(err, errno, "reading the attribute %s of %s", name, path);
    cleanup_free void *value = malloc((size_t)size + 1);
    if (!value)
      return rkt_fail(err, ENOMEM, "reading the attribute %s of %s", name, path);
    ssize_t length = lgetxattr(path, name, value, (size_t)size);
    if (length < 0 && errno == ERANGE)
      continue;
    if (length < 0)
      return rkt_fail(err, errno, "reading the attribute %s of %s", name, path);
    *ret_value = value;
    *ret_length = size == 0 ? 0 : (size_t)length;
    value = NULL;
    return 0;
  }
}

int rkt_fs_supports(const char *type, struct rkt_error *err) {
  cleanup_close int context = fsopen(type, FSOPEN_CLOEXEC);
  if (context >= 0)
    return 1;
  return errno == ENODEV ? 0 : rkt_fail(err, errno, "looking for the file system %s", type);
}
