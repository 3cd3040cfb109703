/* Copying of one file, link, node or (empty) directory with its properties. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/fs.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "addon/fs.h"
#include "common/cleanup.h"

/* Where the kernel cannot copy between two file systems by itself. */
static int copy_through_memory(int from, int to, off_t offset, size_t length) {
  enum { size = 256 * 1024 };
  cleanup_free char *buffer = malloc(size);
  if (!buffer)
    return -ENOMEM;
  while (length > 0) {
    ssize_t got = pread(from, buffer, length < size ? length : size, offset);
    if (got < 0 && errno == EINTR)
      continue;
    if (got <= 0)
      return got == 0 ? -EIO : -errno; /* it became shorter */
    for (ssize_t done = 0; done < got;) {
      ssize_t put = pwrite(to, buffer + done, (size_t)(got - done), offset + done);
      if (put < 0 && errno != EINTR)
        return -errno;
      done += put < 0 ? 0 : put;
    }
    offset += got;
    length -= (size_t)got;
  }
  return 0;
}

static int copy_extent(int from, int to, off_t offset, size_t length) {
  loff_t in = offset, out = offset;
  while (length > 0) {
    ssize_t count = copy_file_range(from, &in, to, &out, length, 0);
    if (count < 0 && errno == EINTR)
      continue;
    if (count < 0 && (errno == EXDEV || errno == EINVAL || errno == ENOSYS || errno == EOPNOTSUPP))
      return copy_through_memory(from, to, in, length);
    if (count < 0)
      return -errno;
    if (count == 0)
      return copy_through_memory(from, to, in, length);
    length -= (size_t)count;
  }
  return 0;
}

/* Only where there is data; between lie holes. */
static int copy_content(int from, int to, off_t size) {
  if (ioctl(to, FICLONE, from) == 0)
    return 0;
  for (off_t at = 0; at < size;) {
    off_t data = lseek(from, at, SEEK_DATA);
    if (data < 0 && errno == ENXIO)
      break;
    if (data < 0)
      return -errno;
    off_t end = lseek(from, data, SEEK_HOLE);
    if (end < 0)
      return -errno;
    int result = copy_extent(from, to, data, (size_t)(end - data));
    if (result < 0)
      return result;
    at = end;
  }
  return ftruncate(to, size) == 0 ? 0 : -errno;
}

static int copy_file(const char *source, const struct stat *status, int dirfd, const char *path,
                     const struct rkt_fs_attributes *attributes, struct rkt_error *err) {
  cleanup_close int from = open(source, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
  if (from < 0)
    return rkt_fail(err, errno, "opening %s", source);
  int created = rkt_fs_create_file(dirfd, path, err);
  if (created < 0)
    return created;
  cleanup_close int to = created;
  int result = copy_content(from, to, status->st_size);
  if (result < 0)
    return rkt_fail(err, -result, "copying %s", source);
  return rkt_fs_set_attributes(to, NULL, attributes, err);
}

static int copy_link(const char *source, int dirfd, const char *path, struct rkt_error *err) {
  char target[PATH_MAX];
  ssize_t length = readlink(source, target, sizeof(target) - 1);
  if (length < 0)
    return rkt_fail(err, errno, "reading the link %s", source);
  target[length] = '\0';
  return rkt_fs_make_symlink(dirfd, path, target, err);
}

int rkt_fs_copy_entry(const char *source, int dirfd, const char *path, struct rkt_error *err) {
  struct stat status;
  if (lstat(source, &status) < 0)
    return rkt_fail(err, errno, "examining %s", source);
  const struct rkt_fs_attributes attributes = {
      .uid = status.st_uid,
      .gid = status.st_gid,
      .mode = status.st_mode & 07777,
      .mtime_sec = status.st_mtim.tv_sec,
      .mtime_nsec = status.st_mtim.tv_nsec,
  };
  int result;
  switch (status.st_mode & S_IFMT) {
  case S_IFREG:
    return copy_file(source, &status, dirfd, path, &attributes, err);
  case S_IFDIR:
    return rkt_fs_make_directory(dirfd, path, 0700, err);
  case S_IFLNK:
    result = copy_link(source, dirfd, path, err);
    break;
  case S_IFCHR:
  case S_IFBLK:
  case S_IFIFO:
    result = rkt_fs_make_node(dirfd, path, status.st_mode, major(status.st_rdev), minor(status.st_rdev), err);
    break;
  default:
    return rkt_fail(err, EOPNOTSUPP, "copying the socket %s", source);
  }
  return result < 0 ? result : rkt_fs_set_attributes(dirfd, path, &attributes, err);
}
