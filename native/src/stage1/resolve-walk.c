#include "stage1/resolve-walk.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define MAX_LINKS 40
#define MAX_DEPTH 256

/* The directories from the root to where we are, held open: `..` goes back to what was passed, whatever it is called now. */
struct walk {
  int fds[MAX_DEPTH];
  int depth;
  int links;
  bool follow;
  char rest[PATH_MAX];
};

static void climb(struct walk *walk, int depth) {
  while (walk->depth > depth)
    close(walk->fds[walk->depth--]);
}

/* The text of the link goes before what is left of the path. */
static int follow_link(struct walk *walk, int link, const char *rest) {
  if (!walk->follow || ++walk->links > MAX_LINKS)
    return -ELOOP;
  char target[PATH_MAX];
  ssize_t length = readlinkat(link, "", target, sizeof(target) - 1);
  if (length < 0)
    return -errno;
  target[length] = '\0';
  char joined[PATH_MAX];
  int size = snprintf(joined, sizeof(joined), "%s/%s", target, rest);
  if (size < 0 || (size_t)size >= sizeof(joined))
    return -ENAMETOOLONG;
  memcpy(walk->rest, joined, (size_t)size + 1);
  if (target[0] == '/')
    climb(walk, 0);
  return 0;
}

static int enter(struct walk *walk, const char *name, const char *rest) {
  int fd = openat(walk->fds[walk->depth], name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
  if (fd < 0)
    return -errno;
  struct stat status;
  if (fstat(fd, &status) < 0 || S_ISLNK(status.st_mode)) {
    int result = S_ISLNK(status.st_mode) ? follow_link(walk, fd, rest) : -errno;
    close(fd);
    return result;
  }
  if (walk->depth + 1 == MAX_DEPTH) {
    close(fd);
    return -ENAMETOOLONG;
  }
  walk->fds[++walk->depth] = fd;
  memmove(walk->rest, rest, strlen(rest) + 1);
  return 0;
}

/* Takes one component off the path. */
static int advance(struct walk *walk) {
  char *start = walk->rest + strspn(walk->rest, "/");
  size_t length = strcspn(start, "/");
  char name[NAME_MAX + 1];
  if (length > NAME_MAX)
    return -ENAMETOOLONG;
  memcpy(name, start, length);
  name[length] = '\0';
  const char *rest = start + length;

  if (length != 0 && strcmp(name, ".") != 0 && strcmp(name, "..") != 0)
    return enter(walk, name, rest);
  if (strcmp(name, "..") == 0 && walk->depth > 0)
    climb(walk, walk->depth - 1);
  memmove(walk->rest, rest, strlen(rest) + 1);
  return 0;
}

int resolve_walk(int root, const char *path, bool follow) {
  struct walk walk = {.depth = 0, .follow = follow};
  if (strlen(path) >= sizeof(walk.rest))
    return -ENAMETOOLONG;
  strcpy(walk.rest, path);
  walk.fds[0] = openat(root, ".", O_PATH | O_DIRECTORY | O_CLOEXEC);
  if (walk.fds[0] < 0)
    return -errno;

  int result = 0;
  while (result == 0 && walk.rest[0] != '\0')
    result = advance(&walk);
  int found = result < 0 ? result : fcntl(walk.fds[walk.depth], F_DUPFD_CLOEXEC, 3);
  if (result == 0 && found < 0)
    found = -errno;
  climb(&walk, -1);
  return found;
}
