#include "stage1/teardown.h"

#include <errno.h>
#include <linux/netlink.h>
#include <poll.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "stage1/message.h"

/* The kernel answers while it takes the request; the wait is for kernels that do not. */
#define ANSWER_TIMEOUT_MS 1000

/* What asks for the removal of a thing that is gone is answered with one of these. */
static bool is_gone(int errnum) { return errnum == ENODEV || errnum == ENOENT || errnum == ESRCH || errnum == EADDRNOTAVAIL; }

/* Calls `visit` for each message of a datagram, as far as its lengths make sense. */
static void visit_messages(const unsigned char *data, size_t length,
                           void (*visit)(const struct nlmsghdr *header, const unsigned char *payload, void *context),
                           void *context) {
  while (length >= sizeof(struct nlmsghdr)) {
    struct nlmsghdr header;
    memcpy(&header, data, sizeof(header));
    if (header.nlmsg_len < sizeof(header) || header.nlmsg_len > length)
      return;
    visit(&header, data + sizeof(header), context);
    size_t step = NLMSG_ALIGN(header.nlmsg_len);
    if (step >= length)
      return;
    data += step;
    length -= step;
  }
}

static void count_requests(const struct nlmsghdr *header, const unsigned char *payload, void *context) {
  (void)payload;
  *(size_t *)context += (header->nlmsg_flags & NLM_F_ACK) != 0;
}

struct answers {
  size_t count;
  int errnum; /* of the first failure */
};

static void take_answer(const struct nlmsghdr *header, const unsigned char *payload, void *context) {
  struct answers *answers = context;
  int32_t error = 0;
  if (header->nlmsg_type != NLMSG_ERROR || header->nlmsg_len < NLMSG_HDRLEN + sizeof(error))
    return;
  memcpy(&error, payload, sizeof(error));
  answers->count++;
  if (error < 0 && answers->errnum == 0)
    answers->errnum = -error;
}

static int receive_answers(int socket, size_t expected, struct rkt_error *err) {
  struct answers answers = {0};
  unsigned char buffer[16384];
  while (answers.count < expected && answers.errnum == 0) {
    struct pollfd wait = {.fd = socket, .events = POLLIN};
    if (poll(&wait, 1, ANSWER_TIMEOUT_MS) <= 0)
      return rkt_fail(err, ETIMEDOUT, "waiting for the kernel's answer");
    ssize_t length = recv(socket, buffer, sizeof(buffer), MSG_DONTWAIT);
    if (length < 0 && errno != EINTR && errno != EAGAIN)
      return rkt_fail(err, errno, "receiving the kernel's answer");
    visit_messages(buffer, length < 0 ? 0 : (size_t)length, take_answer, &answers);
  }
  return answers.errnum == 0 || is_gone(answers.errnum) ? 0 : rkt_fail(err, answers.errnum, "the kernel's answer");
}

static int send_netlink(const struct plan_netlink *request, struct rkt_error *err) {
  cleanup_close int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, (int)request->protocol);
  struct sockaddr_nl kernel = {.nl_family = AF_NETLINK};
  if (fd < 0 || sendto(fd, request->data.data, request->data.length, MSG_NOSIGNAL, (struct sockaddr *)&kernel,
                       sizeof(kernel)) < 0)
    return rkt_fail(err, errno, "sending a netlink request");
  size_t expected = 0;
  visit_messages(request->data.data, request->data.length, count_requests, &expected);
  return receive_answers(fd, expected, err);
}

static int remove_file(const char *path, struct rkt_error *err) {
  if (unlink(path) < 0 && errno != ENOENT)
    return rkt_fail(err, errno, "removing %s", path);
  return 0;
}

static int remove_mount(const char *path, struct rkt_error *err) {
  /* EINVAL: nothing is mounted there. */
  if (umount2(path, MNT_DETACH | UMOUNT_NOFOLLOW) < 0 && errno != EINVAL && errno != ENOENT)
    return rkt_fail(err, errno, "unmounting %s", path);
  return remove_file(path, err);
}

static int run_step(const struct plan_teardown *step, struct rkt_error *err) {
  if (step->netlink != NULL)
    return send_netlink(step->netlink, err);
  return step->umount != NULL ? remove_mount(step->umount, err) : remove_file(step->unlink, err);
}

size_t teardown_run(const struct plan *plan) {
  const struct plan_teardown *steps = plan->teardown.items;
  size_t failed = 0;
  for (size_t i = 0; i < plan->teardown.count; i++) {
    struct rkt_error err;
    if (run_step(&steps[i], &err) == 0)
      continue;
    message_debug("teardown step %zu: %s", i + 1, err.message);
    failed++;
  }
  return failed;
}
