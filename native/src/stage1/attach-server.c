#include "stage1/attach-server.h"

#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "stage1/message.h"

#define DIRECTORY "attach"
#define UNFINISHED ".unfinished"
/* How far behind an attached one may be. */
#define CLIENT_BUFFER (1 << 20)
#define MAX_CLIENTS 64
#define INPUT_SIZE 16384
/* So that somebody who types a lot does not keep the monitor from everything else. */
#define EVENTS_AT_ONCE 32

enum source_kind { LISTENER, INPUT, CLIENT };

/* What an event belongs to: first in its owner. */
struct source {
  enum source_kind kind;
};

struct client {
  struct source source;
  struct attach_endpoint *endpoint;
  struct client *next;
  int fd;
};

struct attach_endpoint {
  struct source listener_source;
  struct source input_source;
  struct attach_server *server;
  struct attach_endpoint *next;
  struct client *clients;
  size_t count;
  char *path;
  int listener;
  int input;
  size_t held;   /* input that the app has not taken; while there is some, nothing more is read */
  size_t taken;  /* of it */
  char *buffer;
};

struct attach_server {
  int dir;
  int poll;
  struct attach_endpoint *endpoints;
};

int attach_server_open(int dir, struct attach_server **ret_server, struct rkt_error *err) {
  struct attach_server *server = calloc(1, sizeof(*server));
  int poll = server == NULL ? -1 : epoll_create1(EPOLL_CLOEXEC);
  if (poll < 0) {
    int errnum = errno;
    free(server);
    return rkt_fail(err, errnum, "preparing streams to attach to");
  }
  *server = (struct attach_server){.dir = dir, .poll = poll};
  *ret_server = server;
  return 0;
}

int attach_server_poll(const struct attach_server *server) { return server->poll; }

static int watch(const struct attach_server *server, int fd, uint32_t events, struct source *source) {
  struct epoll_event event = {.events = events, .data.ptr = source};
  return epoll_ctl(server->poll, EPOLL_CTL_ADD, fd, &event) < 0 ? -errno : 0;
}

static void unwatch(const struct attach_server *server, int fd) { epoll_ctl(server->poll, EPOLL_CTL_DEL, fd, NULL); }

/* Returns a descriptor of the app's directory, or a negative errno. */
static int make_directories(int dir, const char *app) {
  char path[320];
  snprintf(path, sizeof(path), DIRECTORY "/%s", app);
  if ((mkdirat(dir, DIRECTORY, 0700) < 0 && errno != EEXIST) || (mkdirat(dir, path, 0700) < 0 && errno != EEXIST))
    return -errno;
  int fd = openat(dir, path, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
  return fd < 0 ? -errno : fd;
}

/* By way of /proc, because the path of a pod's directory and the name of an app are longer than a socket's address may be. */
static int bind_in(int fd, int dir, const char *name) {
  struct sockaddr_un address = {.sun_family = AF_UNIX};
  snprintf(address.sun_path, sizeof(address.sun_path), "/proc/self/fd/%d/%s", dir, name);
  mode_t mask = umask(0177);
  int result = bind(fd, (struct sockaddr *)&address, sizeof(address)) < 0 ? -errno : 0;
  umask(mask);
  return result;
}

static int make_listener(const struct attach_server *server, const char *app, const char *name) {
  cleanup_close int dir = make_directories(server->dir, app);
  if (dir < 0)
    return dir;
  cleanup_close int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (fd < 0)
    return -errno;
  /* It has its name once it can be connected to: whoever sees it may do so at once. */
  int result = bind_in(fd, dir, UNFINISHED);
  if (result < 0)
    return result;
  if (listen(fd, 16) < 0 || renameat(dir, UNFINISHED, dir, name) < 0)
    return -errno;
  return rkt_steal_fd(&fd);
}

int attach_server_add(struct attach_server *server, const char *app, const char *name, int input,
                      struct attach_endpoint **ret_endpoint, struct rkt_error *err) {
  struct attach_endpoint *endpoint = calloc(1, sizeof(*endpoint));
  char *path = NULL;
  if (endpoint == NULL || asprintf(&path, DIRECTORY "/%s/%s", app, name) < 0) {
    free(endpoint);
    return rkt_fail(err, ENOMEM, "app \"%s\": making its %s to attach to", app, name);
  }
  int listener = make_listener(server, app, name);
  *endpoint = (struct attach_endpoint){.listener_source = {LISTENER}, .input_source = {INPUT}, .server = server,
                                       .next = server->endpoints, .path = path, .listener = listener, .input = input};
  int result = listener < 0 ? listener : watch(server, listener, EPOLLIN, &endpoint->listener_source);
  if (result < 0) {
    if (listener >= 0)
      close(listener);
    free(path);
    free(endpoint);
    return rkt_fail(err, -result, "app \"%s\": making its %s to attach to", app, name);
  }
  server->endpoints = endpoint;
  *ret_endpoint = endpoint;
  return 0;
}

static void drop(struct client *client) {
  struct attach_endpoint *endpoint = client->endpoint;
  struct client **link = &endpoint->clients;
  while (*link != client)
    link = &(*link)->next;
  *link = client->next;
  endpoint->count--;
  close(client->fd);
  free(client);
}

static bool is_waiting(const struct attach_endpoint *endpoint) { return endpoint->held > 0; }

static void accept_client(struct attach_endpoint *endpoint) {
  int size = CLIENT_BUFFER;
  cleanup_close int fd = accept4(endpoint->listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
  struct client *client = fd < 0 || endpoint->count >= MAX_CLIENTS ? NULL : calloc(1, sizeof(*client));
  if (client == NULL)
    return;
  (void)setsockopt(fd, SOL_SOCKET, SO_SNDBUFFORCE, &size, sizeof(size));
  *client = (struct client){.source = {CLIENT}, .endpoint = endpoint, .next = endpoint->clients, .fd = fd};
  if (!is_waiting(endpoint) && watch(endpoint->server, fd, EPOLLIN, &client->source) < 0) {
    free(client);
    return;
  }
  (void)rkt_steal_fd(&fd);
  endpoint->clients = client;
  endpoint->count++;
}

/* Everybody waits while the app does not read, or goes on. */
static void hold(struct attach_endpoint *endpoint, bool on) {
  for (struct client *client = endpoint->clients; client != NULL; client = client->next) {
    if (on)
      unwatch(endpoint->server, client->fd);
    else
      (void)watch(endpoint->server, client->fd, EPOLLIN, &client->source);
  }
  if (on)
    (void)watch(endpoint->server, endpoint->input, EPOLLOUT, &endpoint->input_source);
  else
    unwatch(endpoint->server, endpoint->input);
}

/* Gives the app what it takes of the input that is held. False where it takes no input any more. */
static bool give_input(struct attach_endpoint *endpoint) {
  while (endpoint->taken < endpoint->held) {
    ssize_t written = write(endpoint->input, endpoint->buffer + endpoint->taken, endpoint->held - endpoint->taken);
    if (written < 0 && errno == EINTR)
      continue;
    if (written < 0)
      return errno == EAGAIN;
    endpoint->taken += (size_t)written;
  }
  endpoint->held = endpoint->taken = 0;
  return true;
}

static void take_input(struct attach_endpoint *endpoint, struct client *client) {
  if (endpoint->buffer == NULL && (endpoint->buffer = malloc(INPUT_SIZE)) == NULL)
    return;
  ssize_t count = read(client->fd, endpoint->buffer, INPUT_SIZE);
  if (count < 0 && (errno == EAGAIN || errno == EINTR))
    return;
  if (count <= 0) {
    drop(client);
    return;
  }
  if (endpoint->input < 0)
    return;
  endpoint->held = (size_t)count;
  if (!give_input(endpoint))
    attach_endpoint_end(endpoint);
  else if (is_waiting(endpoint))
    hold(endpoint, true);
}

static void resume_input(struct attach_endpoint *endpoint) {
  if (!give_input(endpoint)) {
    hold(endpoint, false);
    attach_endpoint_end(endpoint);
  } else if (!is_waiting(endpoint)) {
    hold(endpoint, false);
  }
}

static void handle(struct source *source) {
  switch (source->kind) {
  case LISTENER:
    accept_client((struct attach_endpoint *)((char *)source - offsetof(struct attach_endpoint, listener_source)));
    break;
  case INPUT:
    resume_input((struct attach_endpoint *)((char *)source - offsetof(struct attach_endpoint, input_source)));
    break;
  case CLIENT:
    take_input(((struct client *)source)->endpoint, (struct client *)source);
    break;
  }
}

void attach_server_handle(struct attach_server *server) {
  struct epoll_event event;
  /* One by one: what is done about an event may end what the next would be about. */
  for (int i = 0; i < EVENTS_AT_ONCE && epoll_wait(server->poll, &event, 1, 0) > 0; i++)
    handle(event.data.ptr);
}

void attach_endpoint_send(struct attach_endpoint *endpoint, const char *data, size_t length) {
  struct client *next;
  for (struct client *client = endpoint->clients; client != NULL; client = next) {
    next = client->next;
    ssize_t sent = send(client->fd, data, length, MSG_NOSIGNAL | MSG_DONTWAIT);
    if (sent == (ssize_t)length)
      continue;
    message_debug("%s: somebody who was attached %s", endpoint->path,
                  sent < 0 && errno == EPIPE ? "is gone" : "does not read and is cut off");
    drop(client);
  }
}

void attach_endpoint_end(struct attach_endpoint *endpoint) {
  /* In this order: one who is cut off while the socket is still there knows that it is not the end. */
  if (endpoint->listener >= 0) {
    close(endpoint->listener);
    endpoint->listener = -1;
    unlinkat(endpoint->server->dir, endpoint->path, 0);
  }
  while (endpoint->clients != NULL)
    drop(endpoint->clients);
}

static void free_endpoint(struct attach_endpoint *endpoint) {
  attach_endpoint_end(endpoint);
  free(endpoint->path);
  free(endpoint->buffer);
  free(endpoint);
}

void attach_server_close(struct attach_server *server) {
  if (server == NULL)
    return;
  while (server->endpoints != NULL) {
    struct attach_endpoint *endpoint = server->endpoints;
    server->endpoints = endpoint->next;
    free_endpoint(endpoint);
  }
  close(server->poll);
  free(server);
}

void attach_server_leave(struct attach_server *server) {
  for (struct attach_endpoint *endpoint = server == NULL ? NULL : server->endpoints; endpoint != NULL; endpoint = endpoint->next) {
    close(endpoint->listener);
    endpoint->listener = -1;
    if (endpoint->input >= 0)
      close(endpoint->input);
  }
  attach_server_close(server);
}
