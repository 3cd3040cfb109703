#include "stage1/sysctl.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "common/cleanup.h"

static bool starts_with(const char *text, const char *prefix) { return strncmp(text, prefix, strlen(prefix)) == 0; }

static bool belongs_to_ipc(const char *entry) {
  return starts_with(entry, "kernel.shm") || starts_with(entry, "kernel.msg") || starts_with(entry, "kernel.sem=") ||
         starts_with(entry, "fs.mqueue.");
}

static bool belongs_to_uts(const char *entry) {
  return starts_with(entry, "kernel.hostname=") || starts_with(entry, "kernel.domainname=");
}

/* Keys are names joined by dots; a slash stands for a dot inside a name (sysctl.d(5)), so it cannot climb anywhere. */
static bool is_key(const char *entry) {
  size_t length = strcspn(entry, "=");
  if (entry[length] != '=' || length == 0 || entry[0] == '.' || entry[0] == '/' || entry[length - 1] == '.')
    return false;
  for (size_t i = 0; i + 1 < length; i++)
    if ((entry[i] == '.' || entry[i] == '/') && (entry[i + 1] == '.' || entry[i + 1] == '/'))
      return false;
  return true;
}

const char *sysctl_refusal(const char *entry, bool own_network, bool own_ipc) {
  if (!is_key(entry))
    return "not of the form key=value";
  if (belongs_to_uts(entry))
    return NULL;
  if (belongs_to_ipc(entry))
    return own_ipc ? NULL : "would change the host's IPC namespace";
  if (starts_with(entry, "net."))
    return own_network ? NULL : "would change the host's network namespace";
  return "does not belong to a namespace of the pod";
}

/* `net.ipv4.conf.eth0/1.forwarding` is /proc/sys/net/ipv4/conf/eth0.1/forwarding. */
static int make_path(const char *entry, char *path, size_t size) {
  size_t length = strcspn(entry, "=");
  int written = snprintf(path, size, "/proc/sys/%.*s", (int)length, entry);
  if (written < 0 || (size_t)written >= size)
    return -ENAMETOOLONG;
  for (char *at = path + strlen("/proc/sys/"); *at != '\0'; at++)
    *at = *at == '.' ? '/' : *at == '/' ? '.' : *at;
  return 0;
}

static int apply_one(const char *entry, struct rkt_error *err) {
  char path[PATH_MAX];
  if (make_path(entry, path, sizeof(path)) < 0)
    return rkt_fail(err, ENAMETOOLONG, "setting the kernel parameter %s", entry);
  const char *value = strchr(entry, '=') + 1;
  cleanup_close int fd = open(path, O_WRONLY | O_CLOEXEC | O_NOFOLLOW);
  if (fd < 0 || write(fd, value, strlen(value)) < 0)
    return rkt_fail(err, errno, "setting the kernel parameter %s", entry);
  return 0;
}

int sysctl_apply(const struct plan *plan, struct rkt_error *err) {
  for (size_t i = 0; i < plan->sysctls.count; i++) {
    int result = apply_one(plan_strings(&plan->sysctls)[i], err);
    if (result < 0)
      return result;
  }
  return 0;
}
