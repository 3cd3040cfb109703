#include "stage1/init-setup.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <sched.h>
#include <string.h>
#include <sys/mount.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "stage1/cgroup.h"
#include "stage1/identity.h"
#include "stage1/mount-api.h"
#include "stage1/rootfs.h"
#include "stage1/staging.h"
#include "stage1/sysctl.h"
#include "stage1/userns.h"

int init_join_network(const struct plan *plan, struct rkt_error *err) {
  if (plan->netns == NULL)
    return 0;
  cleanup_close int fd = open(plan->netns, O_RDONLY | O_CLOEXEC);
  if (fd < 0 || setns(fd, CLONE_NEWNET) < 0)
    return rkt_fail(err, errno, "joining the network namespace %s", plan->netns);
  return 0;
}

static int set_hostname(const struct plan *plan, struct rkt_error *err) {
  if (sethostname(plan->hostname, strlen(plan->hostname)) < 0)
    return rkt_fail(err, errno, "setting the hostname %s", plan->hostname);
  return 0;
}

/* Private: what the host mounts below a volume later does not appear in apps, and nothing of theirs on the host. */
static int make_private(struct rkt_error *err) {
  if (mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0)
    return rkt_fail(err, errno, "cutting mount propagation");
  return 0;
}

/* `status` of the pod's directory is never the source of a mount, so it may be covered in this namespace. */
static int make_staging(const struct plan *plan, struct rkt_error *err) {
  cleanup_close int mountpoint = open("status", O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
  if (mountpoint < 0)
    return rkt_fail(err, errno, "opening the pod's status directory");
  /* What apps see of it belongs to their root. */
  int result = plan->userns == NULL ? 0 : userns_own_files(plan->userns, err);
  if (result == 0)
    result = staging_create(mountpoint, err);
  return result < 0 || plan->userns == NULL ? result : userns_own_files(NULL, err);
}

int init_set_up(const struct plan *plan, bool in_unified, struct rkt_error *err) {
  int result = cgroup_join(plan, CGROUP_INIT, in_unified, err);
  if (result == 0)
    result = init_join_network(plan, err);
  if (result == 0)
    result = set_hostname(plan, err);
  if (result == 0)
    result = make_private(err);
  if (result == 0)
    result = sysctl_apply(plan, err);
  return result < 0 ? result : make_staging(plan, err);
}

static int take_null(struct rkt_error *err) {
  cleanup_close int null = open("null", O_RDWR | O_NOFOLLOW | O_CLOEXEC);
  if (null < 0)
    return rkt_fail(err, errno, "opening the null device");
  for (int fd = 0; fd <= 2; fd++)
    if (dup2(null, fd) < 0)
      return rkt_fail(err, errno, "letting go of descriptor %d", fd);
  return 0;
}

int init_let_go(struct rkt_error *err) {
  cleanup_close int staging = open(".", O_PATH | O_DIRECTORY | O_CLOEXEC);
  if (staging < 0)
    return rkt_fail(err, errno, "opening the staging directory");
  int result = take_null(err);
  if (result < 0)
    return result;
  cleanup_close int root = -1;
  result = mount_clone(staging, "empty", 0, MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC,
                       &root, err);
  if (result == 0)
    result = mount_attach(root, staging, "root", err);
  if (result == 0)
    result = rootfs_pivot(root, err);
  return result < 0 ? result : identity_keep_capabilities(UINT64_C(1) << CAP_KILL, err);
}
