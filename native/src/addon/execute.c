#include "addon/execute.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

int rkt_execute(const char *file, char *const *args, char *const *environment, struct rkt_error *err) {
  /* One that is not open has no flags. */
  for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++)
    (void)fcntl(fd, F_SETFD, 0);
  execve(file, args, environment);
  return rkt_fail(err, errno, "executing %s", file);
}
