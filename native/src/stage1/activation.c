#include "stage1/activation.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define FIRST_FD 3
#define VARIABLES 3

int activation_take_over(const struct plan_app *app, struct stream_ends *ends, struct rkt_error *err) {
  size_t count = app->sockets.count;
  if (count == 0)
    return 0;
  ends->sockets = calloc(count, sizeof(*ends->sockets));
  if (ends->sockets == NULL)
    return rkt_fail(err, ENOMEM, "taking over sockets");
  for (size_t i = 0; i < count; i++) {
    if (plan_sockets(app)[i].fd == PLAN_NO_FD) {
      ends->sockets[ends->socket_count++] = -1;
      continue;
    }
    int given = (int)plan_sockets(app)[i].fd;
    int fd = fcntl(given, F_DUPFD_CLOEXEC, STREAMS_FIRST_FD);
    if (fd < 0)
      return rkt_fail(err, errno, "taking over descriptor %d, a socket of app \"%s\"", given, app->name);
    close(given);
    ends->sockets[ends->socket_count++] = fd;
  }
  return 0;
}

/* `LISTEN_FDNAMES=a:b`, or NULL. */
static char *join_names(const struct plan_app *app) {
  static const char variable[] = "LISTEN_FDNAMES=";
  size_t length = sizeof(variable);
  for (size_t i = 0; i < app->sockets.count; i++)
    length += strlen(plan_sockets(app)[i].name) + 1;
  char *text = malloc(length);
  if (text == NULL)
    return NULL;
  char *at = stpcpy(text, variable);
  for (size_t i = 0; i < app->sockets.count; i++) {
    if (i > 0)
      *at++ = ':';
    at = stpcpy(at, plan_sockets(app)[i].name);
  }
  return text;
}

int activation_hand_over(const struct plan_app *app, struct plan_list *ret_env, struct rkt_error *err) {
  size_t count = app->sockets.count;
  if (count == 0) {
    *ret_env = app->env;
    return 0;
  }
  for (size_t i = 0; i < count; i++)
    if (fcntl(FIRST_FD + (int)i, F_SETFD, 0) < 0)
      return rkt_fail(err, errno, "handing over descriptor %zu", FIRST_FD + i);
  /* Never freed: the program that is executed takes the memory's place. */
  char **env = calloc(app->env.count + VARIABLES + 1, sizeof(*env));
  char *names = join_names(app);
  char *numbers[2] = {NULL, NULL};
  if (env == NULL || names == NULL || asprintf(&numbers[0], "LISTEN_FDS=%zu", count) < 0 ||
      asprintf(&numbers[1], "LISTEN_PID=%d", getpid()) < 0)
    return rkt_fail(err, ENOMEM, "handing over sockets");
  size_t length = app->env.count;
  if (length > 0)
    memcpy(env, app->env.items, length * sizeof(*env));
  env[length++] = numbers[0];
  env[length++] = numbers[1];
  env[length++] = names;
  *ret_env = (struct plan_list){.items = env, .count = length};
  return 0;
}
