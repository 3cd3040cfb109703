#include "warm-cgroups.h"

#include <fcntl.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "netns.h"

/* Part of a line. */
struct span {
  const char *start;
  size_t length;
};

static bool span_is(struct span span, const char *text) {
  return span.length == strlen(text) && memcmp(span.start, text, span.length) == 0;
}

/* Takes what comes before `separator` off the front of `rest`; all of it where there is no separator. */
static struct span take(struct span *rest, char separator) {
  const char *end = rest->length == 0 ? NULL : memchr(rest->start, separator, rest->length);
  struct span taken = {rest->start, end == NULL ? rest->length : (size_t)(end - rest->start)};
  size_t skip = end == NULL ? taken.length : taken.length + 1;
  rest->start += skip;
  rest->length -= skip;
  return taken;
}

static bool list_has(struct span list, struct span item) {
  while (list.length > 0) {
    struct span entry = take(&list, ',');
    if (entry.length == item.length && memcmp(entry.start, item.start, item.length) == 0)
      return true;
  }
  return false;
}

struct cgroup_mount {
  struct span root;
  struct span point;
  struct span type;
  struct span options;
};

/* A line of mountinfo: id parent device ROOT POINT options optional... - TYPE source OPTIONS */
static bool parse_mount(struct span line, struct cgroup_mount *ret_mount) {
  for (int i = 0; i < 3; i++)
    take(&line, ' ');
  ret_mount->root = take(&line, ' ');
  ret_mount->point = take(&line, ' ');
  struct span field;
  do {
    field = take(&line, ' ');
  } while (line.length > 0 && !span_is(field, "-"));
  ret_mount->type = take(&line, ' ');
  take(&line, ' ');
  ret_mount->options = line;
  return span_is(ret_mount->type, "cgroup") || span_is(ret_mount->type, "cgroup2");
}

/* The path below the mount's root; false where the group is outside of what is mounted. */
static bool below_root(struct span path, struct span root, struct span *ret_below) {
  if (span_is(root, "/")) {
    *ret_below = path;
    return true;
  }
  if (path.length < root.length || memcmp(path.start, root.start, root.length) != 0 ||
      (path.length > root.length && path.start[root.length] != '/'))
    return false;
  *ret_below = (struct span){path.start + root.length, path.length - root.length};
  return true;
}

/* Whether the mount is of the hierarchy of a /proc/self/cgroup line with these controllers (none: the unified one). */
static bool same_hierarchy(const struct cgroup_mount *mount, struct span controllers) {
  if (controllers.length == 0)
    return span_is(mount->type, "cgroup2");
  return span_is(mount->type, "cgroup") && list_has(mount->options, take(&controllers, ','));
}

static int path_in_mounts(const char *mountinfo, struct span controllers, struct span path, char *ret_path,
                          unsigned int size) {
  struct span mounts = {mountinfo, strlen(mountinfo)};
  while (mounts.length > 0) {
    struct cgroup_mount mount;
    struct span below;
    if (!parse_mount(take(&mounts, '\n'), &mount) || !same_hierarchy(&mount, controllers) ||
        !below_root(path, mount.root, &below))
      continue;
    int length = snprintf(ret_path, size, "%.*s%.*s/cgroup.procs", (int)mount.point.length, mount.point.start,
                          (int)(span_is(below, "/") ? 0 : below.length), below.start);
    if (length > 0 && (unsigned int)length < size)
      return length;
  }
  return -1;
}

int rkt_own_cgroup_procs(const char *cgroups, const char *mountinfo, char *ret_path, unsigned int size) {
  struct span lines = {cgroups, strlen(cgroups)};
  while (lines.length > 0) {
    struct span line = take(&lines, '\n');
    take(&line, ':');
    struct span controllers = take(&line, ':');
    int length = path_in_mounts(mountinfo, controllers, line, ret_path, size);
    if (length > 0)
      return length;
  }
  return -1;
}

/* Reads a file of /proc into `text`; false where it does not fit. */
static bool read_text(const char *path, char *text, size_t size) {
  cleanup_close int fd = open(path, O_RDONLY | O_CLOEXEC);
  if (fd < 0)
    return false;
  size_t length = 0;
  for (;;) {
    if (length == size - 1)
      return false;
    ssize_t got = read(fd, text + length, size - 1 - length);
    if (got < 0)
      return false;
    if (got == 0)
      break;
    length += (size_t)got;
  }
  text[length] = 0;
  return true;
}

static void *run(void *unused) {
  (void)unused;
  char cgroups[4096], mountinfo[64 * 1024], path[4096];
  if (!read_text("/proc/self/cgroup", cgroups, sizeof(cgroups)) ||
      !read_text("/proc/self/mountinfo", mountinfo, sizeof(mountinfo)) ||
      rkt_own_cgroup_procs(cgroups, mountinfo, path, sizeof(path)) < 0)
    return NULL;
  cleanup_close int fd = open(path, O_WRONLY | O_CLOEXEC);
  /* 0 is the process of the caller; the result does not matter. */
  if (fd >= 0 && write(fd, "0\n", 2) < 0)
    return NULL;
  return NULL;
}

void rkt_warm_cgroups(void) {
  pthread_t thread;
  if (rkt_thread_start(&thread, run, NULL, NULL) == 0)
    pthread_detach(thread);
}
