#include "stage1/restarts.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/timerfd.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "stage1/cgroup.h"
#include "stage1/clock.h"
#include "stage1/exit-code.h"
#include "stage1/launch.h"
#include "stage1/message.h"
#include "stage1/pod-files.h"
#include "stage1/report.h"
#include "stage1/signals.h"
#include "stage1/spawn.h"

/*
 * The first restart comes soon, for an app that met with an accident; every further one waits twice as long as the one before,
 * so that an app that cannot run costs next to nothing. An app that ran for a while has earned a fresh start: longer than
 * what most programs need to find out that they cannot run. Docker's daemon has the same numbers, which its users know.
 */
#define FIRST_DELAY_MS 100u
#define LONGEST_DELAY_MS 60000u
#define GOOD_RUN_MS 10000u

/* What an app has left behind is gone as soon as the kernel has killed it; only a process stuck in the kernel takes longer. */
#define ORPHANS_TIMEOUT_MS 1000

#define TIMER_EVENT UINT32_MAX

enum phase {
  WITH_INIT, /* the first run */
  STARTING,  /* forked, not yet executed */
  RUNNING,
  STOPPING,  /* its POST_STOP runs */
  WAITING,   /* until `due` */
  OVER,
};

struct restart {
  enum phase phase;
  pid_t guide;      /* the process that goes ahead into the pod, until it is seen to have ended; 0: none */
  int channel;      /* in STARTING: its end means executed, or dead */
  int mounts;       /* the app's mount namespace, -1 before it is known */
  int terminal;     /* master of the app's terminal, -1 where it has none */
  int gate;         /* held until the listener knows the process, which waits for it; -1: not held */
  bool told;        /* the listener knows the process */
  bool executed;    /* in this run */
  int code;         /* of the last run */
  uint32_t count;   /* of restarts */
  unsigned delay_ms;
  uint64_t started; /* milliseconds of the monotonic clock, as all times here */
  uint64_t due;
  struct launch_state *state;
};

static void run_ended(struct restarts *restarts, uint32_t app, int code);

static const struct plan_app *plan_of(const struct restarts *restarts, uint32_t app) {
  return &plan_apps(restarts->plan)[app];
}

/* The process in the pod, in STARTING, RUNNING and STOPPING; 0: the guide has not come that far. */
static pid_t pid_of(const struct restart *item) { return item->state == NULL ? 0 : atomic_load(&item->state->pid); }

static bool is_ours(const struct restarts *restarts, uint32_t app) {
  return restarts->items != NULL && launch_may_follow(plan_of(restarts, app));
}

static bool has_policy(const struct restarts *restarts, uint32_t app) {
  return plan_of(restarts, app)->restart != PLAN_RESTART_NEVER;
}

static bool wanted(const struct plan *plan) {
  for (size_t i = 0; i < plan->apps.count; i++)
    if (launch_may_follow(&plan_apps(plan)[i]))
      return true;
  return false;
}

static int watch(const struct restarts *restarts, int fd, uint32_t data) {
  struct epoll_event event = {.events = EPOLLIN, .data.u32 = data};
  return epoll_ctl(restarts->poll, EPOLL_CTL_ADD, fd, &event) < 0 ? -errno : 0;
}

int restarts_open(const struct plan *plan, int dir, const struct monitor_child *init, const struct stream_ends *streams,
                  const struct restarts_listener *listener, void *data, struct restarts *ret_restarts,
                  struct rkt_error *err) {
  struct restarts restarts = {.plan = plan, .dir = dir, .init = init, .streams = streams, .listener = listener,
                              .data = data, .poll = -1, .timer = -1};
  if (!wanted(plan)) {
    *ret_restarts = restarts;
    return 0;
  }
  restarts.items = calloc(plan->apps.count, sizeof(*restarts.items));
  for (size_t i = 0; restarts.items != NULL && i < plan->apps.count; i++)
    restarts.items[i] = (struct restart){.channel = -1, .gate = -1, .mounts = -1, .terminal = -1};
  restarts.poll = epoll_create1(EPOLL_CLOEXEC);
  restarts.timer = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
  if (restarts.items == NULL || restarts.poll < 0 || restarts.timer < 0 ||
      watch(&restarts, restarts.timer, TIMER_EVENT) < 0) {
    int result = rkt_fail(err, errno, "preparing restarts");
    restarts_close(&restarts);
    return result;
  }
  *ret_restarts = restarts;
  return 0;
}

void restarts_take_mounts(struct restarts *restarts, uint32_t app, int mounts) {
  if (is_ours(restarts, app) && restarts->items[app].mounts < 0)
    restarts->items[app].mounts = mounts;
  else
    close(mounts);
}

void restarts_take_terminal(struct restarts *restarts, uint32_t app, int master) {
  if (is_ours(restarts, app) && restarts->items[app].terminal < 0)
    restarts->items[app].terminal = fcntl(master, F_DUPFD_CLOEXEC, 3);
}

void restarts_take_start(struct restarts *restarts, uint32_t app) {
  if (is_ours(restarts, app))
    restarts->items[app].executed = true;
}

void restarts_take_end(struct restarts *restarts, uint32_t app, int code) {
  if (is_ours(restarts, app) && restarts->items[app].phase == WITH_INIT)
    run_ended(restarts, app, code);
}

/* Fires for the app that is due first; a timer of 0 would be off, so one that is due already gets a moment. */
static void set_timer(const struct restarts *restarts) {
  uint64_t first = UINT64_MAX;
  for (size_t i = 0; i < restarts->plan->apps.count; i++)
    if (restarts->items[i].phase == WAITING && restarts->items[i].due < first)
      first = restarts->items[i].due;
  struct itimerspec time = {0};
  if (first != UINT64_MAX)
    time.it_value = (struct timespec){.tv_sec = (time_t)(first / 1000), .tv_nsec = (long)(first % 1000) * 1000000 + 1};
  timerfd_settime(restarts->timer, TFD_TIMER_ABSTIME, &time, NULL);
}

static void close_channel(const struct restarts *restarts, struct restart *item) {
  /* A copy in the child may outlive ours for a moment, and would keep the events coming. */
  epoll_ctl(restarts->poll, EPOLL_CTL_DEL, item->channel, NULL);
  close(item->channel);
  item->channel = -1;
}

static void close_gate(struct restart *item) {
  if (item->gate >= 0)
    close(item->gate);
  item->gate = -1;
}

static int make_state(struct restart *item, struct rkt_error *err) {
  if (item->state == NULL) {
    void *memory = mmap(NULL, sizeof(*item->state), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED)
      return rkt_fail(err, errno, "allocating memory");
    item->state = memory;
  }
  atomic_store(&item->state->executing, 0);
  atomic_store(&item->state->failed, 0);
  atomic_store(&item->state->pid, 0);
  atomic_store(&item->state->stop, 0);
  return 0;
}

/*
 * Runs the app's program or its POST_STOP in the app's surroundings. The guide is not cloned directly into the app's group: once
 * cgroup.kill was written there, Linux (6.18) kills at once what is cloned into it from elsewhere.
 */
static int start_command(struct restarts *restarts, uint32_t app, const struct plan_command *command,
                         struct rkt_error *err) {
  struct restart *item = &restarts->items[app];
  const struct plan_app *plan = plan_of(restarts, app);
  int result = make_state(item, err);
  int ends[2];
  if (result == 0 && pipe2(ends, O_CLOEXEC) < 0)
    result = rkt_fail(err, errno, "making a pipe");
  if (result < 0)
    return result;
  cleanup_close int read_end = ends[0];
  cleanup_close int write_end = ends[1];
  if (pipe2(ends, O_CLOEXEC) < 0)
    return rkt_fail(err, errno, "making a pipe");
  cleanup_close int wait_end = ends[0];
  cleanup_close int hold_end = ends[1];
  struct spawned child;
  result = spawn(0, -1, &child);
  if (result < 0)
    return rkt_fail(err, -result, "starting a process for app \"%s\"", plan->name);
  if (child.pid == 0) {
    struct launch launch = {.plan = restarts->plan, .app = plan, .index = app, .state = item->state,
                            .streams = restarts->streams[app], .gate = {.wait = wait_end, .hold = hold_end},
                            .channel = write_end, .terminal = item->terminal};
    struct launch_place place = {.init = restarts->init->pidfd, .mounts = item->mounts};
    message_set_output(STDERR_FILENO);
    launch_again(&launch, &place, command);
  }
  item->guide = child.pid;
  item->executed = false;
  item->told = false;
  close_gate(item);
  item->gate = rkt_steal_fd(&hold_end);
  /* Without a watch the end of the process tells as well, only later. */
  item->channel = rkt_steal_fd(&read_end);
  (void)watch(restarts, item->channel, app);
  return 0;
}

/* The code of an app without a policy was told when it ended. */
static void over(struct restarts *restarts, uint32_t app) {
  struct restart *item = &restarts->items[app];
  int code = has_policy(restarts, app) ? item->code : 0;
  item->phase = OVER;
  if (has_policy(restarts, app))
    restarts->listener->over(restarts->data, app, code);
  report_send(restarts->init->socket, &(struct report){.kind = REPORT_RELEASED, .app = app, .value = code});
}

static bool is_wanted(const struct restarts *restarts, uint32_t app) {
  const struct restart *item = &restarts->items[app];
  const struct plan_app *plan = plan_of(restarts, app);
  if (restarts->stopping || item->mounts < 0 || plan->restart == PLAN_RESTART_NEVER)
    return false;
  if (plan->restart_limit != 0 && item->count >= plan->restart_limit)
    return false;
  return plan->restart == PLAN_RESTART_ALWAYS || item->code != 0;
}

static void wait_for_restart(struct restarts *restarts, uint32_t app) {
  struct restart *item = &restarts->items[app];
  uint64_t now = clock_ms();
  unsigned doubled = item->delay_ms * 2 < LONGEST_DELAY_MS ? item->delay_ms * 2 : LONGEST_DELAY_MS;
  item->delay_ms = item->delay_ms == 0 || now - item->started >= GOOD_RUN_MS ? FIRST_DELAY_MS : doubled;
  item->due = now + item->delay_ms;
  item->phase = WAITING;
  message_debug("app \"%s\" is started again in %u ms", plan_of(restarts, app)->name, item->delay_ms);
  set_timer(restarts);
}

/* A run is over, and what belongs to its end as well. */
static void decide(struct restarts *restarts, uint32_t app) {
  if (is_wanted(restarts, app))
    wait_for_restart(restarts, app);
  else
    over(restarts, app);
}

static int kill_orphans(const struct restarts *restarts, uint32_t app, struct rkt_error *err) {
  return cgroup_kill_group(restarts->plan, plan_of(restarts, app)->name, ORPHANS_TIMEOUT_MS, err);
}

/* What the app has left behind ends first: it could leave the handler no process and no memory. */
static int start_post_stop(struct restarts *restarts, uint32_t app, const struct plan_command *command, struct rkt_error *err) {
  int result = kill_orphans(restarts, app, err);
  return result < 0 ? result : start_command(restarts, app, command, err);
}

static void run_ended(struct restarts *restarts, uint32_t app, int code) {
  struct restart *item = &restarts->items[app];
  const struct plan_command *post_stop = plan_of(restarts, app)->post_stop;
  struct rkt_error err;
  item->code = code;
  restarts->listener->ended(restarts->data, app, code);
  /* Without a policy that was its last run, and what it means for the others does not wait for POST_STOP. */
  if (!has_policy(restarts, app))
    restarts->listener->over(restarts->data, app, code);
  if (post_stop != NULL && item->executed) {
    if (start_post_stop(restarts, app, post_stop, &err) == 0) {
      item->phase = STOPPING;
      return;
    }
    message_print("app \"%s\": running the post-stop handler: %s", plan_of(restarts, app)->name, err.message);
  }
  decide(restarts, app);
}

static void start_again(struct restarts *restarts, uint32_t app) {
  struct restart *item = &restarts->items[app];
  const struct plan_app *plan = plan_of(restarts, app);
  struct rkt_error err;
  item->started = clock_ms();
  if (kill_orphans(restarts, app, &err) < 0) {
    message_print("app \"%s\": %s", plan->name, err.message);
    wait_for_restart(restarts, app);
    return;
  }
  item->count++;
  item->phase = STARTING;
  if (start_command(restarts, app, &plan->command, &err) < 0) {
    restarts->listener->failed(restarts->data, app, err.message);
    run_ended(restarts, app, EXIT_OWN_FAILURE);
    return;
  }
  if (pod_files_write_restarts(restarts->dir, plan, item->count, &err) < 0)
    message_print("%s", err.message);
}

/* It waits until whoever labels its output knows it. */
static void tell_process(struct restarts *restarts, uint32_t app) {
  struct restart *item = &restarts->items[app];
  pid_t pid = pid_of(item);
  if (item->told || pid == 0)
    return;
  item->told = true;
  restarts->listener->forked(restarts->data, app, pid);
  close_gate(item);
}

/* Nothing depends on it, but somebody has relied on it. In a pod that was killed there is nowhere to run it. */
static void tell_failed_handler(const struct restarts *restarts, uint32_t app) {
  const struct restart *item = &restarts->items[app];
  struct pollfd init = {.fd = restarts->init->pidfd, .events = POLLIN};
  bool failed = atomic_load(&item->state->failed);
  if (item->phase != STOPPING || (!failed && atomic_load(&item->state->executing)) || poll(&init, 1, 0) != 0)
    return;
  struct rkt_error err = item->state->error;
  message_print("app \"%s\": running the post-stop handler: %s", plan_of(restarts, app)->name,
                failed ? err.message : "its process ended before it could be executed");
}

/* The channel of the process has ended: it executes its program, or is dead. */
static void take_channel(struct restarts *restarts, uint32_t app) {
  struct restart *item = &restarts->items[app];
  if (item->channel < 0)
    return;
  close_channel(restarts, item);
  if (item->phase != STARTING) {
    tell_failed_handler(restarts, app);
    return;
  }
  if (atomic_load(&item->state->failed)) {
    struct rkt_error err = item->state->error;
    restarts->listener->failed(restarts->data, app, err.message);
  } else if (atomic_load(&item->state->executing)) {
    item->executed = true;
    item->phase = RUNNING;
    restarts->listener->started(restarts->data, app, pid_of(item));
  }
}

static void start_due(struct restarts *restarts) {
  uint64_t expirations;
  ssize_t ignored = read(restarts->timer, &expirations, sizeof(expirations));
  (void)ignored;
  uint64_t now = clock_ms();
  for (uint32_t i = 0; i < restarts->plan->apps.count; i++)
    if (restarts->items[i].phase == WAITING && restarts->items[i].due <= now)
      start_again(restarts, i);
  set_timer(restarts);
}

void restarts_handle(struct restarts *restarts) {
  struct epoll_event events[16];
  int count = restarts->poll < 0 ? 0 : epoll_wait(restarts->poll, events, 16, 0);
  for (int i = 0; i < count; i++) {
    if (events[i].data.u32 == TIMER_EVENT)
      start_due(restarts);
    else
      take_channel(restarts, events[i].data.u32);
  }
}

static void take_process_end(struct restarts *restarts, uint32_t app, int status) {
  struct restart *item = &restarts->items[app];
  bool handler = item->phase == STOPPING;
  take_channel(restarts, app);
  /* A guide that is still there has nothing to do any more. */
  item->guide = 0;
  atomic_store(&item->state->pid, 0);
  if (handler)
    decide(restarts, app);
  else
    run_ended(restarts, app, exit_code_of(status));
}

bool restarts_reap(struct restarts *restarts, pid_t pid) {
  for (uint32_t i = 0; restarts->items != NULL && i < restarts->plan->apps.count; i++) {
    struct restart *item = &restarts->items[i];
    bool is_guide = item->guide == pid;
    if (!is_guide && pid_of(item) != pid)
      continue;
    /* As long as it has a number to be looked up. */
    tell_process(restarts, i);
    int status = 0;
    while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
      continue;
    if (is_guide && pid_of(item) != 0)
      item->guide = 0;
    else
      take_process_end(restarts, i, status);
    return true;
  }
  return false;
}

void restarts_signal(struct restarts *restarts, int number) {
  for (uint32_t i = 0; restarts->items != NULL && i < restarts->plan->apps.count; i++) {
    struct restart *item = &restarts->items[i];
    if (item->phase != STARTING && item->phase != RUNNING)
      continue;
    int its = signals_for_app(plan_of(restarts, i), number);
    /* Either its number is known below, or the process finds this. */
    if (signals_is_stop(number))
      atomic_store(&item->state->stop, its);
    pid_t pid = pid_of(item);
    /* A child that nobody else reaps: the number is its own. */
    if (pid > 0)
      kill(pid, its);
  }
}

void restarts_stop(struct restarts *restarts) {
  restarts->stopping = true;
  for (uint32_t i = 0; restarts->items != NULL && i < restarts->plan->apps.count; i++)
    if (restarts->items[i].phase == WAITING)
      over(restarts, i);
}

/* One that is left would keep a copy of the lock, and the app's cgroups busy. */
static void end_guide(struct restart *item) {
  if (item->guide == 0)
    return;
  kill(item->guide, SIGKILL);
  while (waitpid(item->guide, NULL, 0) < 0 && errno == EINTR)
    continue;
  item->guide = 0;
}

void restarts_close(struct restarts *restarts) {
  for (uint32_t i = 0; restarts->items != NULL && i < restarts->plan->apps.count; i++) {
    struct restart *item = &restarts->items[i];
    end_guide(item);
    close_gate(item);
    if (item->channel >= 0)
      close(item->channel);
    if (item->mounts >= 0)
      close(item->mounts);
    if (item->terminal >= 0)
      close(item->terminal);
    if (item->state != NULL)
      munmap(item->state, sizeof(*item->state));
  }
  free(restarts->items);
  restarts->items = NULL;
  if (restarts->poll >= 0)
    close(restarts->poll);
  if (restarts->timer >= 0)
    close(restarts->timer);
  restarts->poll = restarts->timer = -1;
}
