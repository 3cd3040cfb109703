#include "addon/tree-summary.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/cleanup.h"

/* A directory that is still to be read. The paths are those of an archive, which are short enough for one call. */
struct pending {
  struct pending *next;
  char path[];
};

/* Inodes with several names that were seen: open addressing, never more than half full. 0 is no inode. */
struct seen {
  ino_t *slots;
  size_t capacity, count;
};

struct summary {
  int root;
  struct pending *pending;
  struct seen seen;
  struct rkt_tree_summary result;
};

static void cleanup_summary(struct summary *summary) {
  while (summary->pending) {
    struct pending *next = summary->pending->next;
    free(summary->pending);
    summary->pending = next;
  }
  free(summary->seen.slots);
  rkt_cleanup_close(&summary->root);
}

static void cleanup_dir(DIR **dir) {
  if (*dir)
    closedir(*dir);
}

static bool insert(ino_t *slots, size_t capacity, ino_t inode) {
  size_t at = (size_t)(inode * UINT64_C(0x9e3779b97f4a7c15) >> 20) & (capacity - 1);
  for (; slots[at] != 0; at = (at + 1) & (capacity - 1))
    if (slots[at] == inode)
      return false;
  slots[at] = inode;
  return true;
}

/* 1 where the inode is new, 0 where it was there, negative on failure. */
static int remember(struct seen *seen, ino_t inode) {
  if (seen->count * 2 >= seen->capacity) {
    size_t capacity = seen->capacity == 0 ? 256 : seen->capacity * 2;
    ino_t *slots = calloc(capacity, sizeof(*slots));
    if (!slots)
      return -ENOMEM;
    for (size_t i = 0; i < seen->capacity; i++)
      if (seen->slots[i] != 0)
        insert(slots, capacity, seen->slots[i]);
    free(seen->slots);
    seen->slots = slots;
    seen->capacity = capacity;
  }
  if (!insert(seen->slots, seen->capacity, inode))
    return 0;
  seen->count++;
  return 1;
}

static int push(struct summary *summary, const char *directory, const char *name) {
  size_t size = strlen(directory) + 1 + strlen(name) + 1;
  struct pending *pending = malloc(sizeof(*pending) + size);
  if (!pending)
    return -ENOMEM;
  snprintf(pending->path, size, "%s/%s", directory, name);
  pending->next = summary->pending;
  summary->pending = pending;
  return 0;
}

static int count_entry(struct summary *summary, int fd, const char *directory, const struct dirent *entry) {
  summary->result.entries++;
  if (entry->d_type == DT_DIR)
    return push(summary, directory, entry->d_name);
  if (entry->d_type != DT_REG && entry->d_type != DT_UNKNOWN)
    return 0;
  struct stat status;
  if (fstatat(fd, entry->d_name, &status, AT_SYMLINK_NOFOLLOW) < 0)
    return -errno;
  if (S_ISDIR(status.st_mode))
    return push(summary, directory, entry->d_name);
  if (!S_ISREG(status.st_mode))
    return 0;
  int is_new = status.st_nlink > 1 ? remember(&summary->seen, status.st_ino) : 1;
  if (is_new > 0)
    summary->result.bytes += (uint64_t)status.st_size;
  return is_new < 0 ? is_new : 0;
}

static int read_directory(struct summary *summary, const char *path) {
  int fd = openat(summary->root, path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
  if (fd < 0)
    return -errno;
  __attribute__((cleanup(cleanup_dir))) DIR *dir = fdopendir(fd);
  if (!dir) {
    int errnum = errno;
    close(fd);
    return -errnum;
  }
  for (;;) {
    errno = 0;
    struct dirent *entry = readdir(dir);
    if (!entry)
      return -errno;
    if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
      continue;
    int result = count_entry(summary, fd, path, entry);
    if (result < 0)
      return result;
  }
}

int rkt_tree_summarize(const char *path, struct rkt_tree_summary *ret, struct rkt_error *err) {
  __attribute__((cleanup(cleanup_summary))) struct summary summary = {0};
  summary.root = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (summary.root < 0)
    return rkt_fail(err, errno, "opening %s", path);
  int result = read_directory(&summary, ".");
  while (result == 0 && summary.pending) {
    struct pending *directory = summary.pending;
    summary.pending = directory->next;
    result = read_directory(&summary, directory->path);
    free(directory);
  }
  if (result < 0)
    return rkt_fail(err, -result, "counting what is in %s", path);
  *ret = summary.result;
  return 0;
}
