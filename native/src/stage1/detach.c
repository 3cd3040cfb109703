#include "stage1/detach.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "stage1/clock.h"
#include "stage1/exit-code.h"
#include "stage1/message.h"
#include "stage1/signals.h"
#include "stage1/spawn.h"

/* Above what anybody puts standard streams on. */
#define MESSAGES_FD 10

#define NO_DEADLINE UINT64_MAX

static int put_null(struct rkt_error *err) {
  cleanup_close int null = open("/dev/null", O_RDWR | O_CLOEXEC);
  if (null < 0)
    return rkt_fail(err, errno, "opening /dev/null");
  for (int fd = 0; fd <= 2; fd++)
    if (dup2(null, fd) < 0)
      return rkt_fail(err, errno, "letting go of descriptor %d", fd);
  return 0;
}

static int go_to_background(struct rkt_error *err) {
  int messages = fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, MESSAGES_FD);
  if (messages < 0 || setsid() < 0)
    return rkt_fail(err, errno, "going to the background");
  message_set_output(messages);
  return put_null(err);
}

void detach_let_go(const struct plan *plan) {
  if ((plan->flags & PLAN_FLAG_DETACHED) != 0)
    close(message_set_output(STDERR_FILENO));
}

static int report_ready(const struct plan *plan) {
  char line[64];
  int length = snprintf(line, sizeof(line), "%s\n", plan->uuid);
  if (plan->ready_fd != PLAN_NO_FD) {
    ssize_t ignored = write((int)plan->ready_fd, "", 1);
    (void)ignored;
  }
  if (write(STDOUT_FILENO, line, (size_t)length) == length)
    return 0;
  message_print("pod %s runs, but its UUID could not be printed: %s", plan->uuid, strerror(errno));
  return EXIT_OWN_FAILURE;
}

static int collect(const struct plan *plan, pid_t monitor) {
  int status;
  while (waitpid(monitor, &status, 0) < 0)
    if (errno != EINTR)
      return EXIT_OWN_FAILURE;
  int code = exit_code_of(status);
  if (code != 0)
    return code;
  message_print("pod %s has ended before it was ready", plan->uuid);
  return EXIT_OWN_FAILURE;
}

static void pass_stops(int signals, pid_t monitor) {
  for (int number; (number = signals_next(signals)) != 0;)
    if (signals_is_stop(number))
      kill(monitor, number);
}

/* Left until then, rounded up; -1: it may take as long as it takes. */
static int milliseconds_until(uint64_t deadline) {
  if (deadline == NO_DEADLINE)
    return -1;
  uint64_t now = clock_ms();
  return now >= deadline ? 0 : (int)(deadline - now);
}

/* Until the child says that the pod is ready, or can say no more. False where it takes longer than it may. */
static bool wait_for_pod(pid_t monitor, int ready, int signals, uint64_t deadline) {
  struct pollfd waits[] = {{.fd = ready, .events = POLLIN}, {.fd = signals, .events = POLLIN}};
  while (waits[0].revents == 0) {
    int count = poll(waits, 2, milliseconds_until(deadline));
    if (count == 0)
      return false;
    if (count > 0)
      pass_stops(signals, monitor);
  }
  return true;
}

static int follow(const struct plan *plan, pid_t monitor, int ready, int signals) {
  uint64_t deadline = plan->ready_timeout_ms == 0 ? NO_DEADLINE : clock_ms() + plan->ready_timeout_ms;
  char byte;
  if (wait_for_pod(monitor, ready, signals, deadline))
    return read(ready, &byte, 1) == 1 ? report_ready(plan) : collect(plan, monitor);
  message_print("pod %s was not ready within %g s and is stopped", plan->uuid, plan->ready_timeout_ms / 1000.0);
  kill(monitor, SIGTERM);
  /* It may be ready by now, which does not help it any more: what is waited for is its end. */
  struct pollfd waits[] = {{.fd = pidfd_open(monitor, 0), .events = POLLIN}, {.fd = signals, .events = POLLIN}};
  while (waits[0].fd >= 0 && waits[0].revents == 0)
    if (poll(waits, 2, -1) > 0)
      pass_stops(signals, monitor);
  while (waitpid(monitor, NULL, 0) < 0 && errno == EINTR)
    continue;
  return EXIT_OWN_FAILURE;
}

int detach(struct plan *plan, struct rkt_error *err) {
  if ((plan->flags & PLAN_FLAG_DETACHED) == 0)
    return 0;
  int ends[2];
  int signals = signals_open();
  if (signals < 0 || pipe2(ends, O_CLOEXEC) < 0)
    return rkt_fail(err, signals < 0 ? -signals : errno, "going to the background");
  struct spawned child;
  int result = spawn(0, -1, &child);
  if (result < 0)
    return rkt_fail(err, -result, "going to the background");
  if (child.pid > 0) {
    close(ends[1]);
    /* The lock says that the pod lives, the lease that it is registered: neither may depend on us. */
    close((int)plan->lock_fd);
    if (plan->lease_fd != PLAN_NO_FD)
      close((int)plan->lease_fd);
    for (size_t a = 0; a < plan->apps.count; a++)
      for (size_t i = 0; i < plan_apps(plan)[a].sockets.count; i++)
        if (plan_sockets(&plan_apps(plan)[a])[i].fd != PLAN_NO_FD)
          close((int)plan_sockets(&plan_apps(plan)[a])[i].fd);
    _exit(follow(plan, child.pid, ends[0], signals));
  }
  close(ends[0]);
  close(signals);
  if (plan->ready_fd != PLAN_NO_FD)
    close((int)plan->ready_fd);
  plan->ready_fd = (uint32_t)ends[1];
  return go_to_background(err);
}
