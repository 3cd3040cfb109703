/* A pod's control groups without its plan: by the name that the monitor wrote down, in every hierarchy that is mounted. */
#include "stage1/cgroup.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "stage1/plan-reader.h"

#define FILE_NAME "subcgroup"
#define NAME_SIZE 4096
/* What systemd calls the scope of a machine named rkt-<uuid>, its dashes escaped as systemd.unit(5) says. */
#define SCOPE_FORMAT "machine-rkt-%s.scope"

/* `\x2d` becomes a dash; any other escape stays, and no name that we look for has one. */
static void unescape_dashes(const char *text, char *ret_text) {
  while (*text != '\0') {
    bool dash = strncmp(text, "\\x2d", 4) == 0;
    *ret_text++ = dash ? '-' : *text;
    text += dash ? 4 : 1;
  }
  *ret_text = '\0';
}

/* A relative path without empty, `.` or `..` components, the last of which is the pod's scope. */
static bool is_scope_of(const char *name, const char *uuid) {
  for (const char *at = name;; at++) {
    size_t length = strcspn(at, "/");
    if (length == 0 || (length == 1 && at[0] == '.') || (length == 2 && at[0] == '.' && at[1] == '.'))
      return false;
    at += length;
    if (*at == '\0')
      break;
  }
  const char *slash = strrchr(name, '/');
  char scope[NAME_SIZE];
  char expected[128];
  unescape_dashes(slash == NULL ? name : slash + 1, scope);
  snprintf(expected, sizeof(expected), SCOPE_FORMAT, uuid);
  return strcmp(scope, expected) == 0;
}

static int read_name(int dir, const char *uuid, char name[NAME_SIZE], struct rkt_error *err) {
  cleanup_close int fd = openat(dir, FILE_NAME, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
  ssize_t length = fd < 0 ? -1 : read(fd, name, NAME_SIZE - 1);
  if (length < 0)
    return rkt_fail(err, errno, "reading " FILE_NAME " in the pod's directory");
  name[length] = '\0';
  name[strcspn(name, "\n")] = '\0';
  if (!is_scope_of(name, uuid))
    return rkt_fail(err, 0, "reading " FILE_NAME " in the pod's directory: it does not name the group of pod %s", uuid);
  return 0;
}

/* Undoes proc_pid_mountinfo(5)'s octal escapes of space, tab, newline and backslash, in place. */
static void unescape_octal(char *text) {
  char *out = text;
  while (*text != '\0') {
    unsigned value;
    int length = 0;
    if (sscanf(text, "\\%3o%n", &value, &length) == 1 && length == 4) {
      *out++ = (char)value;
      text += length;
    } else {
      *out++ = *text++;
    }
  }
  *out = '\0';
}

/* The mount point in a line of mountinfo, which is changed; NULL where it is no control group hierarchy. */
static char *mount_point(char *line, uint32_t *ret_v2) {
  char *type = strstr(line, " - ");
  int start = 0;
  if (type == NULL || (strncmp(type + 3, "cgroup ", 7) != 0 && strncmp(type + 3, "cgroup2 ", 8) != 0))
    return NULL;
  if (sscanf(line, "%*d %*d %*s %*s %n", &start) < 0 || start == 0)
    return NULL;
  *ret_v2 = type[3 + 6] == '2';
  line[start + (int)strcspn(line + start, " ")] = '\0';
  unescape_octal(line + start);
  return line + start;
}

static int add_group(struct plan *plan, const char *mount, const char *name, uint32_t v2, struct rkt_error *err) {
  size_t size = strlen(mount) + strlen(name) + 2;
  char *dir = size > PATH_MAX ? NULL : plan_allocate(&plan->blocks, size, err);
  struct plan_cgroup *items =
      dir == NULL ? NULL : plan_allocate(&plan->blocks, (plan->cgroups.count + 1) * sizeof(*items), err);
  if (items == NULL)
    return size > PATH_MAX ? rkt_fail(err, ENAMETOOLONG, "looking for the cgroup %s", name) : -ENOMEM;
  snprintf(dir, size, "%s/%s", mount, name);
  if (plan->cgroups.count > 0)
    memcpy(items, plan->cgroups.items, plan->cgroups.count * sizeof(*items));
  items[plan->cgroups.count] = (struct plan_cgroup){.dir = dir, .v2 = v2};
  plan->cgroups = (struct plan_list){.items = items, .count = plan->cgroups.count + 1};
  return 0;
}

static int add_groups(struct plan *plan, FILE *mounts, const char *name, struct rkt_error *err) {
  cleanup_free char *line = NULL;
  size_t size = 0;
  int result = 0;
  while (result == 0 && getline(&line, &size, mounts) > 0) {
    uint32_t v2 = 0;
    const char *mount = mount_point(line, &v2);
    if (mount != NULL)
      result = add_group(plan, mount, name, v2, err);
  }
  return result;
}

int cgroup_find(int dir, const char *uuid, struct plan *ret_plan, struct rkt_error *err) {
  char name[NAME_SIZE];
  struct plan plan = {0};
  int result = read_name(dir, uuid, name, err);
  if (result < 0)
    return result;
  FILE *mounts = fopen("/proc/self/mountinfo", "re");
  if (mounts == NULL)
    return rkt_fail(err, errno, "looking for cgroup hierarchies in /proc/self/mountinfo");
  result = add_groups(&plan, mounts, name, err);
  fclose(mounts);
  if (result < 0) {
    plan_free(&plan);
    return result;
  }
  *ret_plan = plan;
  return 0;
}
