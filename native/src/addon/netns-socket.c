#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "netns.h"

struct request {
  const char *path;
  int domain;
  int type;
  int protocol;
  int fd;
  int result;
  const char *syscall_name;
  struct rkt_error *err;
};

static int enter_and_open(struct request *request) {
  request->syscall_name = "open";
  cleanup_close int netns = open(request->path, O_RDONLY | O_CLOEXEC);
  if (netns < 0)
    return rkt_fail(request->err, errno, "opening the network namespace %s", request->path);
  request->syscall_name = "setns";
  if (setns(netns, CLONE_NEWNET) < 0)
    return rkt_fail(request->err, errno, "entering the network namespace %s", request->path);
  request->syscall_name = "socket";
  request->fd = socket(request->domain, request->type | SOCK_CLOEXEC, request->protocol);
  if (request->fd < 0)
    return rkt_fail(request->err, errno, "opening a socket in the network namespace %s", request->path);
  return 0;
}

static void *run(void *argument) {
  struct request *request = argument;
  request->result = enter_and_open(request);
  return NULL;
}

int rkt_netns_socket(const char *path, int domain, int type, int protocol, int *ret_fd, const char **ret_syscall,
                     struct rkt_error *err) {
  struct request request = {
      .path = path, .domain = domain, .type = type, .protocol = protocol, .fd = -1, .result = 0, .err = err};
  pthread_t thread;
  *ret_syscall = "pthread_create";
  int result = rkt_thread_start(&thread, run, &request, err);
  if (result < 0)
    return result;
  /* Only EDEADLK, EINVAL and ESRCH are possible, and none of them here. */
  pthread_join(thread, NULL);
  *ret_syscall = request.syscall_name;
  if (request.result == 0)
    *ret_fd = request.fd;
  return request.result;
}
