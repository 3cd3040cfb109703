#include "stage1/log-rotation.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/cleanup.h"

#define LOG_DIRECTORY "logs"

/* An app's name has up to 255 bytes; a file name must not be longer, so one that is too long fails to open. */
#define NAME_SIZE 320

static void format_name(char name[NAME_SIZE], const char *app, uint32_t number) {
  if (number == 0)
    snprintf(name, NAME_SIZE, LOG_DIRECTORY "/%s.log", app);
  else
    snprintf(name, NAME_SIZE, LOG_DIRECTORY "/%s.log.%u", app, number);
}

int log_rotation_open(int dir, const char *app, int *ret_fd, uint64_t *ret_size, struct rkt_error *err) {
  char name[NAME_SIZE];
  format_name(name, app, 0);
  int flags = O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOFOLLOW;
  cleanup_close int fd = openat(dir, name, flags, 0600);
  if (fd < 0 && errno == ENOENT && (mkdirat(dir, LOG_DIRECTORY, 0700) == 0 || errno == EEXIST))
    fd = openat(dir, name, flags, 0600);
  struct stat status;
  if (fd < 0 || fstat(fd, &status) < 0)
    return rkt_fail(err, errno, "opening %s in the pod's directory", name);
  *ret_fd = rkt_steal_fd(&fd);
  *ret_size = (uint64_t)status.st_size;
  return 0;
}

static uint32_t first_free(int dir, const char *app, uint32_t files) {
  char name[NAME_SIZE];
  uint32_t number = 1;
  for (; number < files; number++) {
    format_name(name, app, number);
    if (faccessat(dir, name, F_OK, AT_SYMLINK_NOFOLLOW) < 0)
      break;
  }
  return number;
}

int log_rotation_shift(int dir, const char *app, uint32_t files, struct rkt_error *err) {
  char from[NAME_SIZE];
  char to[NAME_SIZE];
  format_name(from, app, 0);
  if (files == 0)
    return unlinkat(dir, from, 0) < 0 && errno != ENOENT ? rkt_fail(err, errno, "removing %s", from) : 0;
  for (uint32_t number = first_free(dir, app, files); number > 0; number--) {
    format_name(from, app, number - 1);
    format_name(to, app, number);
    if (renameat(dir, from, dir, to) < 0 && errno != ENOENT)
      return rkt_fail(err, errno, "putting %s aside", from);
  }
  return 0;
}
