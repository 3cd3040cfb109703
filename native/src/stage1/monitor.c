#include "stage1/monitor.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/pidfd.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "stage1/cgroup.h"
#include "stage1/exit-code.h"
#include "stage1/inner-pid.h"
#include "stage1/launch.h"
#include "stage1/limits.h"
#include "stage1/listen.h"
#include "stage1/memory.h"
#include "stage1/message.h"
#include "stage1/monitor-start.h"
#include "stage1/monitor-terminal.h"
#include "stage1/netfilter.h"
#include "stage1/output-process.h"
#include "stage1/pod-files.h"
#include "stage1/ready.h"
#include "stage1/report.h"
#include "stage1/restarts.h"
#include "stage1/signals.h"
#include "stage1/teardown.h"

#define NOT_KNOWN (-1)
/* What an app is given whose end nobody reported: it was killed with the pod's init. */
#define KILLED_CODE (128 + SIGKILL)

struct monitored_app {
  pid_t pid;
  int code;     /* NOT_KNOWN until it has ended, and while it runs again */
  struct limits limits; /* those it ran into so far */
};

struct monitor {
  const struct plan *plan;
  int dir;
  int signals;
  struct monitor_child init;
  struct monitored_app *apps;
  struct output_process output;
  struct restarts restarts;
  struct ready ready;
  struct monitor_terminal *terminal; /* the one that is relayed to our streams, or NULL */
  int code;           /* of the pod; NOT_KNOWN as long as nothing has failed */
  bool stopping;
  bool asked;       /* to stop, by a signal */
  bool interrupted; /* by a first SIGINT */
  struct timespec deadline; /* when a pod that is stopping gets killed */
};

static void complain(const struct rkt_error *err) { message_print("%s", err->message); }

/* Said and written down while the app's groups are still there; they count over all runs of the app. */
static void record_limits(struct monitor *monitor, uint32_t index) {
  const struct plan_app *app = &plan_apps(monitor->plan)[index];
  const struct limits before = monitor->apps[index].limits;
  const struct limits now = limits_read(monitor->plan, app);
  struct rkt_error err;
  monitor->apps[index].limits = now;
  if (now.oom_kills > before.oom_kills)
    message_print("app \"%s\" reached its memory limit; processes killed: %" PRIu64, app->name,
                  now.oom_kills - before.oom_kills);
  if (now.refused_forks > before.refused_forks)
    message_print("app \"%s\" reached its limit of processes; not started: %" PRIu64, app->name,
                  now.refused_forks - before.refused_forks);
  if (pod_files_write_limits(monitor->dir, app, &now, &err) < 0)
    complain(&err);
}

static void record_end(struct monitor *monitor, uint32_t index, int code) {
  struct rkt_error err;
  record_limits(monitor, index);
  monitor->apps[index].code = code;
  if (pod_files_write_status(monitor->dir, &plan_apps(monitor->plan)[index], code, &err) < 0)
    complain(&err);
}

static void record_start(struct monitor *monitor, uint32_t index, pid_t pid) {
  const struct plan_app *app = &plan_apps(monitor->plan)[index];
  struct rkt_error err;
  message_debug("app \"%s\" has started as process %d", app->name, pid);
  monitor->apps[index].pid = pid;
  monitor->apps[index].code = NOT_KNOWN;
  if (pod_files_write_app_pid(monitor->dir, app, pid, &err) < 0)
    complain(&err);
  memory_release_code();
}

/* The code of the first app that failed is the pod's. */
static void take_code(struct monitor *monitor, int code) {
  if (code != 0 && monitor->code == NOT_KNOWN)
    monitor->code = code;
}

/* An app has ended and is not started again. */
static void settle(struct monitor *monitor, uint32_t index, int code) {
  take_code(monitor, code);
  if (!ready_take_end(&monitor->ready, index)) {
    take_code(monitor, EXIT_OWN_FAILURE);
    pidfd_send_signal(monitor->init.pidfd, SIGTERM, NULL, 0);
  }
}

static void take_fork(void *data, uint32_t app, pid_t pid) {
  struct monitor *monitor = data;
  output_process_take_process(&monitor->output, app, inner_pid(pid));
}

static void take_restart(void *data, uint32_t app, pid_t pid) { record_start(data, app, pid); }

static void take_failed_restart(void *data, uint32_t index, const char *reason) {
  const struct monitor *monitor = data;
  message_print("app \"%s\": %s", plan_apps(monitor->plan)[index].name, reason);
}

static void take_run(void *data, uint32_t index, int code) {
  struct monitor *monitor = data;
  message_debug("app \"%s\" has ended with code %d", plan_apps(monitor->plan)[index].name, code);
  output_process_take_end(&monitor->output, index);
  record_end(monitor, index, code);
}

static void take_last_run(void *data, uint32_t index, int code) { settle(data, index, code); }

static const struct restarts_listener restarts_listener = {.forked = take_fork,
                                                           .started = take_restart,
                                                           .failed = take_failed_restart,
                                                           .ended = take_run,
                                                           .over = take_last_run};

static void start_deadline(struct monitor *monitor) {
  if (monitor->stopping)
    return;
  monitor->stopping = true;
  clock_gettime(CLOCK_MONOTONIC, &monitor->deadline);
  uint64_t nanoseconds = (uint64_t)monitor->deadline.tv_nsec + monitor->plan->stop_timeout_ms % 1000 * 1000000ull;
  monitor->deadline.tv_sec += monitor->plan->stop_timeout_ms / 1000 + (time_t)(nanoseconds / 1000000000);
  monitor->deadline.tv_nsec = (long)(nanoseconds % 1000000000);
}

static void take_files(struct monitor *monitor, uint32_t app, const int files[REPORT_FILES_MAX]) {
  if (files[0] < 0)
    return;
  ready_take_files(&monitor->ready, app, files[0], files[1]);
  restarts_take_mounts(&monitor->restarts, app, files[0]);
}

static void take_terminal(struct monitor *monitor, uint32_t index, int master) {
  const struct plan_app *app = &plan_apps(monitor->plan)[index];
  struct rkt_error err;
  if (master < 0)
    return;
  restarts_take_terminal(&monitor->restarts, index, master);
  if (app->interactive == 0) {
    output_process_take_terminal(&monitor->output, index, master);
    close(master);
  } else if (monitor_terminal_begin(&monitor->terminal, app, master, &err) < 0) {
    complain(&err);
  }
}

static void take_end(struct monitor *monitor, uint32_t index, int code) {
  if (launch_may_follow(&plan_apps(monitor->plan)[index])) {
    restarts_take_end(&monitor->restarts, index, code);
    return;
  }
  take_run(monitor, index, code);
  settle(monitor, index, code);
}

static void take_app_report(struct monitor *monitor, const struct report *report, const int files[REPORT_FILES_MAX]) {
  const struct plan_app *app = &plan_apps(monitor->plan)[report->app];
  switch (report->kind) {
  case REPORT_FORKED:
    monitor->apps[report->app].pid = report->pid;
    output_process_take_process(&monitor->output, report->app, report->value);
    break;
  case REPORT_STARTED:
    record_start(monitor, report->app, monitor->apps[report->app].pid);
    restarts_take_start(&monitor->restarts, report->app);
    ready_take_start(&monitor->ready, report->app);
    break;
  case REPORT_FILES:
    take_files(monitor, report->app, files);
    break;
  case REPORT_TERMINAL:
    take_terminal(monitor, report->app, files[0]);
    break;
  case REPORT_SOCKET:
    listen_take(&monitor->output.ends[report->app], report->value, files[0]);
    break;
  case REPORT_EXITED:
    take_end(monitor, report->app, report->value);
    break;
  case REPORT_FAILED:
    message_print("app \"%s\": %s", app->name, report->text);
    monitor->code = EXIT_OWN_FAILURE;
    record_end(monitor, report->app, EXIT_OWN_FAILURE);
    break;
  }
}

static void take_stop(struct monitor *monitor, int number) {
  start_deadline(monitor);
  if (!monitor->restarts.stopping) {
    restarts_stop(&monitor->restarts);
    restarts_signal(&monitor->restarts, number);
  }
}

static void take_report(struct monitor *monitor, const struct report *report, const int files[REPORT_FILES_MAX]) {
  if (report->kind == REPORT_BROKEN) {
    message_print("starting the pod: %s", report->text);
    monitor->code = EXIT_OWN_FAILURE;
  } else if (report->kind == REPORT_STOPPING) {
    take_stop(monitor, report->value);
  } else if (report->app < monitor->plan->apps.count) {
    take_app_report(monitor, report, files);
  }
}

/* False once there will be no more. */
static bool take_reports(struct monitor *monitor) {
  struct report report;
  int files[REPORT_FILES_MAX];
  int received;
  while ((received = report_receive(monitor->init.socket, &report, files)) > 0)
    take_report(monitor, &report, files);
  return received == 0;
}

/*
 * Apps that were started again, and children that are none of ours: what `rkt run` had started before it became this program,
 * such as a metadata service. They are looked at before they are reaped, as the init's end must stay for collect().
 */
static void reap(struct monitor *monitor) {
  for (;;) {
    siginfo_t ended = {0};
    if (waitid(P_ALL, 0, &ended, WEXITED | WNOHANG | WNOWAIT) < 0 || ended.si_pid == 0 ||
        ended.si_pid == monitor->init.pid)
      return;
    if (!restarts_reap(&monitor->restarts, ended.si_pid))
      waitpid(ended.si_pid, NULL, 0);
  }
}

static void pass_signals(struct monitor *monitor) {
  for (int number; (number = signals_next(monitor->signals)) != 0;) {
    if (number == SIGCHLD) {
      reap(monitor);
      continue;
    }
    if (monitor_terminal_takes(monitor->terminal, number))
      continue;
    if (signals_is_stop(number)) {
      start_deadline(monitor);
      monitor->asked = true;
      restarts_stop(&monitor->restarts);
    }
    /* Whoever presses Ctrl-C again does not want to wait any longer. */
    if (number == SIGINT && monitor->interrupted)
      number = SIGKILL;
    monitor->interrupted |= number == SIGINT;
    pidfd_send_signal(monitor->init.pidfd, number, NULL, 0);
    restarts_signal(&monitor->restarts, number);
  }
}

/* Time left until the deadline, or NULL for as long as it takes. False once it has passed. */
static bool get_timeout(const struct monitor *monitor, struct timespec *time, struct timespec **ret_timeout) {
  *ret_timeout = NULL;
  if (!monitor->stopping)
    return true;
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  time->tv_sec = monitor->deadline.tv_sec - now.tv_sec;
  time->tv_nsec = monitor->deadline.tv_nsec - now.tv_nsec;
  if (time->tv_nsec < 0) {
    time->tv_nsec += 1000000000;
    time->tv_sec--;
  }
  *ret_timeout = time;
  return time->tv_sec >= 0;
}

/* Somebody has killed it: what the apps print is lost from now on, and whoever runs them should know. */
static void take_lost_output(struct monitor *monitor) {
  message_print("the process that passes on the output of the apps was killed; the pod is stopped");
  take_code(monitor, EXIT_OWN_FAILURE);
  take_stop(monitor, SIGTERM);
  pidfd_send_signal(monitor->init.pidfd, SIGTERM, NULL, 0);
}

#define FIRST_TERMINAL_WAIT 6

/* Until the init has ended. */
static void watch(struct monitor *monitor) {
  struct pollfd waits[] = {
      {.fd = monitor->init.pidfd, .events = POLLIN},
      {.fd = monitor->signals, .events = POLLIN},
      {.fd = monitor->init.socket, .events = POLLIN},
      {.fd = monitor->restarts.poll, .events = POLLIN},
      {.fd = monitor->ready.poll, .events = POLLIN},
      {.fd = monitor->output.pidfd, .events = POLLIN},
      [FIRST_TERMINAL_WAIT + RELAY_POLLS - 1] = {.fd = -1},
  };
  /* One that ended before there was a signal descriptor was told to nobody. */
  reap(monitor);
  while (waits[0].revents == 0) {
    struct timespec time;
    struct timespec *timeout;
    if (!get_timeout(monitor, &time, &timeout)) {
      message_debug("the pod did not stop in time and is killed");
      pidfd_send_signal(monitor->init.pidfd, SIGKILL, NULL, 0);
      monitor->stopping = false; /* its end is all that is left to wait for */
      continue;
    }
    monitor_terminal_wait_for(monitor->terminal, &waits[FIRST_TERMINAL_WAIT]);
    if (ppoll(waits, sizeof(waits) / sizeof(waits[0]), timeout, NULL) <= 0)
      continue;
    if (monitor_terminal_move(monitor->terminal, &waits[FIRST_TERMINAL_WAIT]))
      pidfd_send_signal(monitor->init.pidfd, SIGKILL, NULL, 0);
    if (waits[1].revents != 0)
      pass_signals(monitor);
    if (waits[2].revents != 0 && !take_reports(monitor))
      waits[2].fd = -1;
    if (waits[3].revents != 0)
      restarts_handle(&monitor->restarts);
    if (waits[4].revents != 0)
      ready_handle(&monitor->ready);
    if (waits[5].revents != 0) {
      waits[5].fd = -1;
      take_lost_output(monitor);
    }
  }
}

static void collect(struct monitor *monitor) {
  int status = 0;
  while (waitpid(monitor->init.pid, &status, 0) < 0 && errno == EINTR)
    continue;
  take_reports(monitor);
  for (uint32_t i = 0; i < monitor->plan->apps.count; i++)
    if (monitor->apps[i].code == NOT_KNOWN && monitor->apps[i].pid > 0) {
      record_end(monitor, i, KILLED_CODE);
      take_code(monitor, KILLED_CODE);
    }
  take_code(monitor, exit_code_of(status));
  output_process_finish(&monitor->output);
}

static int run(struct monitor *monitor, struct rkt_error *err) {
  monitor->signals = signals_open();
  if (monitor->signals < 0)
    return rkt_fail(err, -monitor->signals, "opening a signal descriptor");
  int result = output_process_start(monitor->plan, monitor->dir, monitor->signals, &monitor->output, err);
  if (result == 0)
    result = restarts_open(monitor->plan, monitor->dir, &monitor->init, monitor->output.ends, &restarts_listener, monitor,
                           &monitor->restarts, err);
  if (result == 0)
    result = ready_open(monitor->plan, monitor->dir, &monitor->ready, err);
  if (result == 0)
    result = monitor_start(monitor->plan, monitor->dir, monitor->output.ends, &monitor->init, err);
  if (result < 0)
    return result;
  output_process_release_ends(&monitor->output);
  watch(monitor);
  collect(monitor);
  monitor_terminal_end(monitor->terminal, monitor->signals);
  return 0;
}

/*
 * In this order: the service learns that the pod is gone before its address can be given to another. The plan goes when there is
 * nothing left to undo, which tells gc so, and takes the pod's token with it. A stage1 that is an image is asked by gc whether it
 * has left something, with the mounts that the plan knows.
 */
void monitor_clean_up(const struct plan *plan) {
  struct rkt_error err;
  if (plan->lease_fd != PLAN_NO_FD)
    close((int)plan->lease_fd);
  netfilter_send(&plan->netfilter);
  bool done = teardown_run(plan) == 0;
  if (cgroup_remove(plan, &err) < 0)
    complain(&err);
  else if (done && plan->stage1 == NULL)
    unlink(PLAN_FILE_NAME);
}

int monitor_run(const struct plan *plan) {
  struct monitor monitor = {.plan = plan,
                            .code = NOT_KNOWN,
                            .signals = -1,
                            .output = {.plan = plan, .pidfd = -1, .socket = -1},
                            .restarts = {.plan = plan, .poll = -1, .timer = -1},
                            .ready = {.plan = plan, .poll = -1, .waiting = plan->ready_fd == PLAN_NO_FD ? -1 : (int)plan->ready_fd}};
  struct rkt_error err;
  cleanup_close int dir = open(".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  cleanup_free struct monitored_app *apps = calloc(plan->apps.count, sizeof(*apps));
  int result = dir < 0 || apps == NULL ? rkt_fail(&err, errno, "opening the pod's directory") : 0;
  for (size_t i = 0; apps != NULL && i < plan->apps.count; i++)
    apps[i].code = NOT_KNOWN;
  monitor.dir = dir;
  monitor.apps = apps;
  if (result == 0)
    result = run(&monitor, &err);
  if (result < 0) {
    complain(&err);
    monitor.code = EXIT_OWN_FAILURE;
  }
  restarts_close(&monitor.restarts);
  ready_close(&monitor.ready);
  monitor_clean_up(plan);
  output_process_close(&monitor.output, monitor.signals, monitor.asked ? (int)plan->stop_timeout_ms : -1);
  return monitor.code == NOT_KNOWN ? 0 : monitor.code;
}
