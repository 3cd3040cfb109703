#include "stage1/identity.h"

#include <errno.h>
#include <grp.h>
#include <linux/capability.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "stage1/signals.h"

#define CAPABILITY(number) (UINT64_C(1) << (number))

static uint64_t get_u64(const unsigned char *data) {
  uint64_t value = 0;
  for (int i = 7; i >= 0; i--)
    value = value << 8 | data[i];
  return value;
}

static int set_limits(const struct plan_app *app, struct rkt_error *err) {
  const struct plan_bytes *limits = app->rlimits.items;
  for (size_t i = 0; i < app->rlimits.count; i++) {
    const unsigned char *data = limits[i].data;
    uint32_t resource = (uint32_t)data[0] | (uint32_t)data[1] << 8 | (uint32_t)data[2] << 16 | (uint32_t)data[3] << 24;
    struct rlimit limit = {.rlim_cur = get_u64(data + 4), .rlim_max = get_u64(data + 12)};
    if (syscall(SYS_prlimit64, 0, resource, &limit, NULL) < 0)
      return rkt_fail(err, errno, "setting resource limit %u", resource);
  }
  return 0;
}

static int set_bounding(uint64_t bounding, struct rkt_error *err) {
  for (unsigned long number = 0; number < 64; number++) {
    int held = prctl(PR_CAPBSET_READ, number, 0, 0, 0);
    if (held < 0)
      break; /* past the last capability of this kernel */
    if (held == 1 && (bounding & CAPABILITY(number)) == 0 && prctl(PR_CAPBSET_DROP, number, 0, 0, 0) < 0)
      return rkt_fail(err, errno, "dropping capability %lu from the bounding set", number);
  }
  if (prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0) < 0)
    return rkt_fail(err, errno, "clearing the ambient capabilities");
  return 0;
}

static int set_user(const struct plan_app *app, struct rkt_error *err) {
  /* Capabilities are set to what they should be afterwards; the change of user must not decide about them. */
  if (prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0) < 0)
    return rkt_fail(err, errno, "keeping capabilities");
  if (setgroups(app->groups.count, app->groups.items) < 0)
    return rkt_fail(err, errno, "setting %zu supplementary groups", app->groups.count);
  if (setresgid(app->gid, app->gid, app->gid) < 0)
    return rkt_fail(err, errno, "becoming group %u", app->gid);
  if (setresuid(app->uid, app->uid, app->uid) < 0)
    return rkt_fail(err, errno, "becoming user %u", app->uid);
  return 0;
}

int identity_keep_capabilities(uint64_t wanted, struct rkt_error *err) {
  struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
  struct __user_cap_data_struct data[2];
  if (syscall(SYS_capget, &header, data) < 0)
    return rkt_fail(err, errno, "reading capabilities");
  for (int i = 0; i < 2; i++) {
    data[i].permitted &= (uint32_t)(wanted >> (32 * i));
    data[i].effective = data[i].permitted;
    data[i].inheritable = 0;
  }
  if (syscall(SYS_capset, &header, data) < 0)
    return rkt_fail(err, errno, "setting capabilities");
  return 0;
}

int identity_filter(const struct plan_app *app, struct rkt_error *err) {
  struct sock_fprog program = {
      .len = (unsigned short)(app->seccomp.length / sizeof(struct sock_filter)),
      .filter = (struct sock_filter *)(void *)app->seccomp.data,
  };
  if (app->seccomp.data != NULL && prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program, 0, 0) < 0)
    return rkt_fail(err, errno, "installing the system call filter");
  return 0;
}

/*
 * What is held until execve(2), which then computes anew: for root the bounding set, for others nothing. A filter needs
 * CAP_SYS_ADMIN to be installed unless no_new_privs is set; held as a permitted capability only, it does not survive
 * execve in either case, so nothing has to be dropped by calls that the filter may forbid.
 */
static uint64_t transitional_capabilities(const struct plan_app *app) {
  uint64_t wanted = app->uid == 0 ? app->caps_bounding : 0;
  if (app->seccomp.data != NULL && app->no_new_privs == 0)
    wanted |= CAPABILITY(CAP_SYS_ADMIN);
  return wanted;
}

int identity_assume(const struct plan_app *app, struct rkt_error *err) {
  int parent_death = signals_get_parent_death();
  int result = set_limits(app, err);
  if (result == 0)
    result = set_bounding(app->caps_bounding, err);
  if (result == 0)
    result = set_user(app, err);
  signals_set_parent_death(parent_death);
  if (result == 0)
    result = identity_keep_capabilities(transitional_capabilities(app), err);
  if (result == 0 && app->no_new_privs != 0 && prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
    result = rkt_fail(err, errno, "setting no_new_privs");
  return result;
}
