#include "addon/tree-file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/*
 * Zeros shorter than this are written: a hole costs a call, and saves less than a few blocks. An archive that does not tell a
 * hole from zeros must not turn an image of a disk into as many bytes as the disk has.
 */
#define HOLE_SIZE ((size_t)64 * 1024)

static bool is_zero(const uint8_t *bytes, size_t length) {
  return bytes[0] == 0 && memcmp(bytes, bytes + 1, length - 1) == 0;
}

int rkt_tree_file_begin(int directory, const char *name, struct rkt_tree_file *ret, struct rkt_error *err) {
  int fd = rkt_fs_create_file(directory, name, err);
  if (fd < 0)
    return fd;
  *ret = (struct rkt_tree_file){.fd = fd};
  return 0;
}

static int put(struct rkt_tree_file *file, const uint8_t *bytes, size_t length, struct rkt_error *err) {
  while (length > 0) {
    ssize_t count = pwrite(file->fd, bytes, length, (off_t)file->position);
    if (count < 0 && errno == EINTR)
      continue;
    if (count < 0)
      return rkt_fail(err, errno, "writing a file");
    bytes += count;
    length -= (size_t)count;
    file->position += (uint64_t)count;
    file->written = file->position;
  }
  return 0;
}

int rkt_tree_file_data(struct rkt_tree_file *file, const uint8_t *bytes, size_t length, struct rkt_error *err) {
  const uint8_t *start = bytes, *end = bytes + length;
  while ((size_t)(end - bytes) >= HOLE_SIZE) {
    if (!is_zero(bytes, HOLE_SIZE)) {
      bytes += HOLE_SIZE;
      continue;
    }
    int result = put(file, start, (size_t)(bytes - start), err);
    if (result < 0)
      return result;
    file->position += HOLE_SIZE;
    start = bytes += HOLE_SIZE;
  }
  return put(file, start, (size_t)(end - start), err);
}

int rkt_tree_file_end(struct rkt_tree_file *file, const struct rkt_fs_attributes *attributes, struct rkt_error *err) {
  if (file->written < file->position && ftruncate(file->fd, (off_t)file->position) < 0)
    return rkt_fail(err, errno, "giving a file its length");
  if (fchown(file->fd, attributes->uid, attributes->gid) < 0)
    return rkt_fail(err, errno, "changing the owner of a file");
  if (fchmod(file->fd, attributes->mode & 07777) < 0)
    return rkt_fail(err, errno, "changing the mode of a file");
  const struct timespec time = {.tv_sec = attributes->mtime_sec, .tv_nsec = attributes->mtime_nsec};
  if (futimens(file->fd, (const struct timespec[2]){time, time}) < 0)
    return rkt_fail(err, errno, "setting the time of a file");
  return 0;
}
