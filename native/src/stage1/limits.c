#include "stage1/limits.h"

#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/cleanup.h"

/* The value of the line `key value` of a group's file; 0 where there is none. */
static uint64_t read_counter(const struct plan_cgroup *cgroup, const char *app, const char *file, const char *key) {
  char path[PATH_MAX];
  int length = snprintf(path, sizeof(path), "%s/%s/%s", cgroup->dir, app, file);
  if (length < 0 || (size_t)length >= sizeof(path))
    return 0;
  cleanup_close int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
  char text[512];
  ssize_t size = fd < 0 ? -1 : read(fd, text, sizeof(text) - 1);
  if (size <= 0)
    return 0;
  text[size] = '\0';
  size_t key_length = strlen(key);
  for (const char *line = text; line != NULL; line = strchr(line, '\n')) {
    line += *line == '\n';
    if (strncmp(line, key, key_length) == 0 && line[key_length] == ' ')
      return strtoull(line + key_length, NULL, 10);
  }
  return 0;
}

struct limits limits_read(const struct plan *plan, const struct plan_app *app) {
  struct limits limits = {0};
  for (size_t i = 0; i < plan->cgroups.count; i++) {
    const struct plan_cgroup *cgroup = &plan_cgroups(plan)[i];
    /* oom_kill of a v1 group: Linux 4.13; pids.events: Linux 4.8. */
    if ((cgroup->counters & PLAN_COUNTS_OOM_KILLS) != 0)
      limits.oom_kills +=
          read_counter(cgroup, app->name, cgroup->v2 ? "memory.events" : "memory.oom_control", "oom_kill");
    if ((cgroup->counters & PLAN_COUNTS_REFUSED_FORKS) != 0)
      limits.refused_forks += read_counter(cgroup, app->name, "pids.events", "max");
  }
  return limits;
}
