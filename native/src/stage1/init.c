#include "stage1/init.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "stage1/exit-code.h"
#include "stage1/init-apps.h"
#include "stage1/init-setup.h"
#include "stage1/listen.h"
#include "stage1/memory.h"
#include "stage1/report.h"
#include "stage1/signals.h"

struct init {
  int socket;
  struct gate gate;
  struct stream_ends *streams; /* of the apps, until they have them */
  int signals;
  struct init_apps apps;
  bool stopping;
};

static void signal_apps(const struct init *init, int number) {
  for (size_t i = 0; i < init->apps.count; i++)
    if (init->apps.items[i].pid > 0)
      kill(init->apps.items[i].pid, signals_for_app(init->apps.items[i].plan, number));
}

static void stop_apps(struct init *init, int number) {
  if (!init->stopping)
    report_send(init->socket, &(struct report){.kind = REPORT_STOPPING, .value = number});
  init->stopping = true;
  signal_apps(init, number);
}

/* The end of PID 1 is the end of everything in its namespace. */
static _Noreturn void end_pod(int code) { _exit(code); }

static void check_started(struct init *init, struct init_app *app) {
  if (app->channel < 0)
    return;
  close(app->channel);
  app->channel = -1;
  if (atomic_load(&app->state->failed)) {
    struct report report = {.kind = REPORT_FAILED, .app = app->index};
    init_copy_text(&report, &app->state->error);
    report_send(init->socket, &report);
    end_pod(EXIT_OWN_FAILURE);
  }
  app->started = atomic_load(&app->state->executing) != 0;
  if (!app->started)
    return;
  report_send(init->socket, &(struct report){.kind = REPORT_STARTED, .app = app->index});
  memory_release_code();
}

static void end_app(struct init *init, struct init_app *app, int status) {
  check_started(init, app);
  int code = exit_code_of(status);
  app->pid = 0;
  app->with_monitor = launch_may_follow(app->plan);
  report_send(init->socket, &(struct report){.kind = REPORT_EXITED, .app = app->index, .value = code});
  if (code != 0 && app->plan->restart == PLAN_RESTART_NEVER)
    stop_apps(init, SIGTERM);
}

static void reap(struct init *init) {
  int status;
  for (pid_t pid; (pid = waitpid(-1, &status, WNOHANG)) > 0;)
    for (size_t i = 0; i < init->apps.count; i++) {
      struct init_app *app = &init->apps.items[i];
      if (app->pid == pid)
        end_app(init, app, status);
    }
}

static void handle_signals(struct init *init) {
  for (int number; (number = signals_next(init->signals)) != 0;) {
    if (number == SIGCHLD)
      reap(init);
    else if (signals_is_stop(number))
      stop_apps(init, number);
    else
      signal_apps(init, number);
  }
}

/* What the monitor says: an app that it has started again, or would have, or whose POST_STOP it has run is over. */
static void take_releases(struct init *init) {
  struct report report;
  int files[REPORT_FILES_MAX];
  int received;
  while ((received = report_receive(init->socket, &report, files)) > 0) {
    if (report.kind != REPORT_RELEASED || report.app >= init->apps.count)
      continue;
    init->apps.items[report.app].with_monitor = false;
    if (report.value != 0)
      stop_apps(init, SIGTERM);
  }
  /* A monitor that is gone takes us with it, also where the kernel was not told so in time. */
  if (received < 0)
    end_pod(EXIT_OWN_FAILURE);
}

static bool is_over(const struct init *init) {
  for (size_t i = 0; i < init->apps.count; i++)
    if (init->apps.items[i].pid > 0 || init->apps.items[i].with_monitor)
      return false;
  return true;
}

/* Signals, the monitor, and then one channel per app. */
#define FIRST_CHANNEL 2

static int wait_for_events(struct init *init, struct pollfd *waits, struct rkt_error *err) {
  struct pollfd *channels = waits + FIRST_CHANNEL;
  for (size_t i = 0; i < init->apps.count; i++)
    channels[i] = (struct pollfd){.fd = init->apps.items[i].channel, .events = POLLIN};
  if (poll(waits, init->apps.count + FIRST_CHANNEL, -1) < 0) {
    if (errno != EINTR)
      return rkt_fail(err, errno, "waiting for the apps");
    return 0;
  }
  for (size_t i = 0; i < init->apps.count; i++)
    if (channels[i].revents != 0)
      check_started(init, &init->apps.items[i]);
  if (waits[1].revents != 0)
    take_releases(init);
  handle_signals(init);
  return 0;
}

static int run(struct init *init, const struct plan *plan, bool in_unified, struct rkt_error *err) {
  int result = init_set_up(plan, in_unified, err);
  if (result == 0)
    result = listen_open(plan, init->streams, init->socket, err);
  if (result == 0)
    result = init_start_apps(plan, init->streams, init->socket, &init->gate, &init->apps, err);
  close(init->gate.wait);
  if (result == 0)
    result = init_let_go(err);
  if (result == 0)
    close(init->gate.hold);
  if (result < 0)
    return result;
  struct pollfd *waits = calloc(plan->apps.count + FIRST_CHANNEL, sizeof(*waits));
  if (waits == NULL)
    return rkt_fail(err, ENOMEM, "waiting for the apps");
  waits[0] = (struct pollfd){.fd = init->signals, .events = POLLIN};
  waits[1] = (struct pollfd){.fd = init->socket, .events = POLLIN};
  while (result == 0 && !is_over(init))
    result = wait_for_events(init, waits, err);
  return result;
}

_Noreturn void init_run(const struct plan *plan, struct stream_ends *streams, int socket, const struct gate *gate,
                        bool in_unified) {
  struct init init = {.socket = socket, .gate = *gate, .streams = streams};
  struct rkt_error err;
  int result = init.signals = signals_open();
  if (result < 0)
    rkt_fail(&err, -result, "opening a signal descriptor");
  else
    result = run(&init, plan, in_unified, &err);
  if (result >= 0)
    end_pod(0);
  /* Before our end opens the gate. */
  kill(-1, SIGKILL);
  struct report report = {.kind = REPORT_BROKEN};
  init_copy_text(&report, &err);
  report_send(socket, &report);
  end_pod(EXIT_OWN_FAILURE);
}
