/*
 * Calls the plain C part of the addon under the address and undefined-behaviour sanitizers: successes, failures, and texts that
 * make no sense. Argument: a directory. Runs in a mount namespace of its own, as root.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "addon/file.h"
#include "addon/netlink-socket.h"
#include "addon/netns.h"
#include "addon/open-tree.h"
#include "addon/pidfd.h"
#include "addon/unix-socket.h"
#include "addon/unmount.h"

#define CHECK(condition)                                                              \
  do {                                                                                \
    if (!(condition)) {                                                               \
      fprintf(stderr, "line %d: %s: %s\n", __LINE__, #condition, err.message);        \
      exit(1);                                                                        \
    }                                                                                 \
  } while (0)

static struct rkt_error err;
static const char *call;

static void *create(void *path) { return (void *)(intptr_t)rkt_netns_create(path, &call, &err); }

static void netns_and_netlink(const char *dir) {
  char path[4096];
  snprintf(path, sizeof(path), "%s/ns", dir);
  pthread_t thread;
  void *result;
  CHECK(rkt_thread_start(&thread, create, path, &err) == 0);
  pthread_join(thread, &result);
  CHECK(result == NULL);

  struct {
    struct nlmsghdr header;
    struct ifinfomsg link;
  } dump = {.header = {.nlmsg_len = sizeof(dump), .nlmsg_type = RTM_GETLINK, .nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP}};
  int fd = -1;
  CHECK(rkt_netlink_open(NETLINK_ROUTE, path, &fd, &call, &err) == 0);
  for (int i = 0; i < 100; i++) {
    uint8_t *answer = NULL;
    size_t length = 0;
    CHECK(rkt_netlink_transact(fd, (uint8_t *)&dump, sizeof(dump), 1, 1000, &answer, &length, &call, &err) == 0);
    CHECK(length > sizeof(dump));
    free(answer);
  }
  /* A request that is refused, one that is cut short, and one that is never answered. */
  uint8_t *answer = NULL;
  size_t length = 0;
  dump.header.nlmsg_type = 999;
  dump.header.nlmsg_flags = NLM_F_REQUEST | NLM_F_ACK;
  CHECK(rkt_netlink_transact(fd, (uint8_t *)&dump, sizeof(dump), 3, 1000, &answer, &length, &call, &err) == 0);
  free(answer);
  CHECK(rkt_netlink_transact(fd, (uint8_t *)&dump, 3, 1, 5, &answer, &length, &call, &err) == -ETIMEDOUT);
  close(fd);
  CHECK(rkt_netlink_transact(fd, (uint8_t *)&dump, sizeof(dump), 1, 5, &answer, &length, &call, &err) == -EBADF);

  CHECK(rkt_netns_create(path, &call, &err) == -EEXIST);
  CHECK(rkt_netns_remove(path, &call, &err) == 0);
  CHECK(rkt_netns_remove(path, &call, &err) == 0);
  CHECK(rkt_netlink_open(NETLINK_ROUTE, path, &fd, &call, &err) == -ENOENT);
}

static void files(const char *dir) {
  bool flag;
  int fd = -1;
  CHECK(rkt_open_tree_readonly(dir, &fd, &call, &err) == 0);
  CHECK(rkt_set_cloexec(fd, false, &err) == 0);
  close(fd);
  CHECK(rkt_lock(fd, RKT_LOCK_SHARED, true, &flag, &err) == -EBADF);
  CHECK(rkt_unmount(dir, &flag, &err) == 0 && !flag);
  CHECK(rkt_pidfd_open(getpid(), &fd, &err) == 0);
  CHECK(rkt_pidfd_signal(fd, 0, &flag, &err) == 0 && flag);
  close(fd);
  char longer[5000];
  memset(longer, 'x', sizeof(longer) - 1);
  longer[sizeof(longer) - 1] = 0;
  CHECK(rkt_connect_unix(longer, 1, &fd, &call, &err) == -ENAMETOOLONG);
  CHECK(strlen(err.message) < sizeof(err.message));
  CHECK(rkt_send_datagram(longer, (const uint8_t *)"x", 1, 1, &call, &err) == -ENAMETOOLONG);
  /* The longest name there is, which has no room for a terminator. */
  longer[0] = '@';
  longer[107] = 0;
  CHECK(rkt_send_datagram(longer, (const uint8_t *)"x", 1, 1, &call, &err) == -ECONNREFUSED);
}

int main(int argc, char **argv) {
  if (argc != 2)
    return 2;
  netns_and_netlink(argv[1]);
  files(argv[1]);
  return 0;
}
