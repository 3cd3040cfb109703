#include "pidfd.h"

#include <errno.h>
#include <sys/syscall.h>
#include <unistd.h>

int rkt_pidfd_open(pid_t pid, int *ret_fd, struct rkt_error *err) {
  int fd = (int)syscall(SYS_pidfd_open, pid, 0);
  if (fd < 0)
    return rkt_fail(err, errno, "opening process %d", pid);
  *ret_fd = fd;
  return 0;
}

int rkt_pidfd_signal(int pidfd, int signal_number, bool *ret_alive, struct rkt_error *err) {
  long result = syscall(SYS_pidfd_send_signal, pidfd, signal_number, NULL, 0);
  if (result < 0 && errno != ESRCH)
    return rkt_fail(err, errno, "sending signal %d to the process of descriptor %d", signal_number, pidfd);
  *ret_alive = result == 0;
  return 0;
}
