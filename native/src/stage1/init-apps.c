#include "stage1/init-apps.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "stage1/cgroup.h"
#include "stage1/spawn.h"

void init_copy_text(struct report *report, const struct rkt_error *error) {
  snprintf(report->text, sizeof(report->text), "%s", error->message);
}

static struct launch_state *make_state(struct rkt_error *err) {
  void *memory = mmap(NULL, sizeof(struct launch_state), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  if (memory == MAP_FAILED) {
    rkt_fail(err, errno, "allocating memory");
    return NULL;
  }
  return memory;
}

static int start_app(const struct launch *common, struct init_app *ret_app, struct rkt_error *err) {
  const struct plan *plan = common->plan;
  const struct plan_app *app = common->app;
  cleanup_close int read_end = -1;
  cleanup_close int write_end = -1;
  int channel[2];
  if (pipe2(channel, O_CLOEXEC) < 0)
    return rkt_fail(err, errno, "making a pipe");
  read_end = channel[0];
  write_end = channel[1];
  struct launch_state *state = make_state(err);
  if (state == NULL)
    return -err->errnum;

  cleanup_close int group = cgroup_open_unified(plan, app->name);
  struct spawned child;
  /*
   * The mount namespace is copied by the fork itself: init moves to its empty root as soon as the launchers exist, and
   * pivot_root(2) takes along every process that still shares the namespace.
   */
  int result = spawn(CLONE_NEWNS, group, &child);
  if (result < 0)
    return rkt_fail(err, -result, "starting a process for app \"%s\"", app->name);
  if (child.pid == 0) {
    struct launch launch = *common;
    launch.state = state;
    launch.channel = write_end;
    launch.in_unified = child.in_cgroup;
    launch_app(&launch);
  }
  *ret_app = (struct init_app){.pid = child.pid, .channel = rkt_steal_fd(&read_end), .state = state};
  return 0;
}

int init_start_apps(const struct plan *plan, struct stream_ends *streams, int socket, const struct gate *gate,
                    struct init_apps *ret_apps, struct rkt_error *err) {
  struct init_app *items = calloc(plan->apps.count, sizeof(*items));
  if (items == NULL)
    return rkt_fail(err, ENOMEM, "starting the apps");
  for (uint32_t i = 0; i < plan->apps.count; i++) {
    struct launch launch = {.plan = plan, .app = &plan_apps(plan)[i], .index = i, .streams = streams[i],
                            .socket = socket, .gate = *gate};
    int result = start_app(&launch, &items[i], err);
    if (result < 0) {
      free(items);
      return result;
    }
    streams_close(&streams[i]);
    items[i].index = i;
    items[i].plan = launch.app;
    report_send(socket, &(struct report){.kind = REPORT_FORKED, .app = i, .pid = items[i].pid, .value = items[i].pid});
  }
  *ret_apps = (struct init_apps){.items = items, .count = plan->apps.count};
  return 0;
}
