#include "stage1/output-process.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/pidfd.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "stage1/attach-server.h"
#include "stage1/clock.h"
#include "stage1/exit-code.h"
#include "stage1/launch.h"
#include "stage1/memory.h"
#include "stage1/message.h"
#include "stage1/output-open.h"
#include "stage1/output.h"
#include "stage1/report.h"
#include "stage1/signals.h"
#include "stage1/spawn.h"

/* In which what is in the pipes has been read and written down; nobody is left who could hold them. */
#define DRAIN_MS 10000

/* ---- the process ---- */

static void take_report(struct output *output, const struct report *report, int file) {
  struct rkt_error err;
  if (report->kind == REPORT_FORKED)
    output_take_process(output, report->app, report->value);
  else if (report->kind == REPORT_EXITED)
    output_take_end(output, report->app);
  else if (report->kind == REPORT_TERMINAL && output_take_terminal(output, report->app, file, &err) < 0)
    message_print("%s", err.message);
}

/* False once there will be no more: the pod has ended. */
static bool take_reports(struct output *output, int socket) {
  struct report report;
  int files[REPORT_FILES_MAX];
  int received;
  while ((received = report_receive(socket, &report, files)) > 0)
    take_report(output, &report, files[0]);
  return received == 0;
}

static void serve(struct output *output, int socket) {
  struct pollfd waits[] = {{.fd = socket, .events = POLLIN}, {.fd = output->poll, .events = POLLIN}};
  do {
    if (poll(waits, 2, -1) < 0)
      continue;
    output_handle(output);
  } while (waits[0].revents == 0 || take_reports(output, socket));
}

/* What belongs to the monitor: the pod lives as long as somebody has the lock, and callers wait for ends of these. */
static void let_go(const struct plan *plan, int signals) {
  const uint32_t descriptors[] = {plan->lock_fd, plan->lease_fd, plan->ready_fd};
  for (size_t i = 0; i < sizeof(descriptors) / sizeof(descriptors[0]); i++)
    if (descriptors[i] != PLAN_NO_FD)
      close((int)descriptors[i]);
  close(signals);
  int messages = message_set_output(STDERR_FILENO);
  if (messages != STDERR_FILENO)
    close(messages);
}

/* The signals that the monitor listens to stay blocked: a Ctrl-C is meant for the pod, whose last words are still to come. */
static _Noreturn void become_output(struct output *output, int socket, int signals, pid_t monitor) {
  prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
  if (getppid() != monitor)
    _exit(EXIT_OWN_FAILURE);
  prctl(PR_SET_NAME, "rkt-output", 0, 0, 0);
  let_go(output->plan, signals);
  for (size_t i = 0; i < output->plan->apps.count; i++)
    streams_close(&output->ends[i]);
  memory_release_code();
  serve(output, socket);
  output_finish(output);
  /* The logs are complete. */
  close(socket);
  output_close(output);
  _exit(0);
}

/* ---- the monitor ---- */

static bool is_needed(const struct output *output) {
  if (output->count > 0 || output->attach != NULL)
    return true;
  const struct plan_app *apps = plan_apps(output->plan);
  for (size_t i = 0; i < output->plan->apps.count; i++)
    if (apps[i].interactive == 0 && plan_terminal_streams(&apps[i]) != 0)
      return true;
  return false;
}

static int start(struct output *output, int signals, struct output_process *process, struct rkt_error *err) {
  int sockets[2];
  int result = report_open(sockets);
  if (result < 0)
    return rkt_fail(err, -result, "making a socket pair");
  /* [0] gets the numbers of processes as their receiver sees them, which nobody needs here. */
  cleanup_close int own_end = sockets[1];
  cleanup_close int its_end = sockets[0];
  pid_t monitor = getpid();
  struct spawned child;
  result = spawn(0, -1, &child);
  if (result < 0)
    return rkt_fail(err, -result, "starting the process that passes on the output of apps");
  if (child.pid == 0) {
    close(own_end);
    become_output(output, its_end, signals, monitor);
  }
  process->pid = child.pid;
  process->pidfd = pidfd_open(child.pid, 0);
  process->socket = rkt_steal_fd(&own_end);
  return process->pidfd < 0 ? rkt_fail(err, errno, "opening a descriptor of the process that passes on output") : 0;
}

int output_process_start(const struct plan *plan, int dir, int signals, struct output_process *ret_process,
                         struct rkt_error *err) {
  struct output output;
  struct output_process process = {.plan = plan, .pidfd = -1, .socket = -1};
  int result = output_open(plan, dir, &output, err);
  if (result < 0)
    return result;
  if (is_needed(&output))
    result = start(&output, signals, &process, err);
  process.ends = output.ends;
  output.ends = NULL;
  if (result == 0) {
    attach_server_leave(output.attach);
    output.attach = NULL;
  }
  output_discard(&output);
  *ret_process = process;
  return result;
}

void output_process_release_ends(struct output_process *process) {
  for (size_t i = 0; i < process->plan->apps.count; i++)
    if (!launch_may_follow(&plan_apps(process->plan)[i]))
      streams_close(&process->ends[i]);
    else if (plan_apps(process->plan)[i].restart == PLAN_RESTART_NEVER)
      /* A post-stop handler prints, but serves nobody. */
      streams_close_sockets(&process->ends[i]);
}

/* Never waits: one that does not listen because an app holds it up is told less, which its lines show. */
void output_process_take_process(const struct output_process *process, uint32_t app, pid_t pid) {
  report_offer(process->socket, &(struct report){.kind = REPORT_FORKED, .app = app, .value = pid}, NULL, 0);
}

void output_process_take_terminal(const struct output_process *process, uint32_t app, int master) {
  report_offer(process->socket, &(struct report){.kind = REPORT_TERMINAL, .app = app}, &master, 1);
}

void output_process_take_end(const struct output_process *process, uint32_t app) {
  report_offer(process->socket, &(struct report){.kind = REPORT_EXITED, .app = app}, NULL, 0);
}

void output_process_finish(struct output_process *process) {
  for (size_t i = 0; process->ends != NULL && i < process->plan->apps.count; i++)
    streams_close(&process->ends[i]);
  if (process->socket >= 0)
    shutdown(process->socket, SHUT_WR);
}

static bool is_told_to_stop(int signals) {
  for (int number; (number = signals_next(signals)) != 0;)
    if (signals_is_stop(number))
      return true;
  return false;
}

static void wait_for_readers(const struct output_process *process, int signals, int timeout_ms) {
  struct pollfd waits[] = {{.fd = process->pidfd, .events = POLLIN}, {.fd = signals, .events = POLLIN}};
  int64_t deadline = (int64_t)clock_ms() + timeout_ms;
  while (waits[0].revents == 0 && !is_told_to_stop(signals)) {
    int64_t left = timeout_ms < 0 ? -1 : deadline - (int64_t)clock_ms();
    if (timeout_ms >= 0 && left <= 0)
      return;
    (void)poll(waits, 2, (int)left);
  }
}

void output_process_close(struct output_process *process, int signals, int timeout_ms) {
  output_process_finish(process);
  if (process->pidfd >= 0) {
    struct pollfd drained[] = {{.fd = process->socket, .events = POLLIN}, {.fd = process->pidfd, .events = POLLIN}};
    (void)poll(drained, 2, DRAIN_MS);
    wait_for_readers(process, signals, timeout_ms);
    pidfd_send_signal(process->pidfd, SIGKILL, NULL, 0);
    while (waitpid(process->pid, NULL, 0) < 0 && errno == EINTR)
      continue;
    close(process->pidfd);
  }
  if (process->socket >= 0)
    close(process->socket);
  free(process->ends);
  *process = (struct output_process){.plan = process->plan, .pidfd = -1, .socket = -1};
}
