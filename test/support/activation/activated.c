/*
 * A server that expects to be activated by sockets, as sd_listen_fds(3) describes it. It says what it was given, and answers every
 * line that it gets with its own name, that of the socket, and the line. On `exit N` it ends with that code, on `fds` it answers with its
 * open descriptors.
 */
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define FIRST 3
#define MAX 64

static char *value_of(const char *name) {
  char *value = getenv(name);
  return value == NULL ? "unset" : value;
}

static int list_descriptors(char *text, int size) {
  int length = 0;
  for (int fd = 0; fd < 4096; fd++)
    if (fcntl(fd, F_GETFD) >= 0)
      length += snprintf(text + length, size - length, "%s%d", length == 0 ? "" : " ", fd);
  return length;
}

static int answer(const char *app, const char *socket, char *line, char *text, int size) {
  char descriptors[1024];
  line[strcspn(line, "\n")] = 0;
  list_descriptors(descriptors, sizeof(descriptors));
  return snprintf(text, size, "%s %s %s\n", app, socket, strcmp(line, "fds") == 0 ? descriptors : line);
}

static void serve(const char *app, const char *name, int fd) {
  char line[1024] = "";
  char text[4096];
  int type = 0;
  socklen_t size = sizeof(type);
  getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &size);
  if (type == SOCK_DGRAM) {
    struct sockaddr_storage from;
    socklen_t length = sizeof(from);
    if (recvfrom(fd, line, sizeof(line) - 1, 0, (struct sockaddr *)&from, &length) > 0)
      sendto(fd, text, answer(app, name, line, text, sizeof(text)), 0, (struct sockaddr *)&from, length);
    return;
  }
  int connection = accept(fd, NULL, NULL);
  if (connection < 0)
    return;
  if (recv(connection, line, sizeof(line) - 1, 0) > 0)
    send(connection, text, answer(app, name, line, text, sizeof(text)), MSG_NOSIGNAL);
  close(connection);
  if (strncmp(line, "exit ", 5) == 0)
    exit(atoi(line + 5));
}

int main(int argc, char **argv) {
  const char *app = value_of("AC_APP_NAME");
  char descriptors[1024];
  list_descriptors(descriptors, sizeof(descriptors));
  printf("%s: LISTEN_FDS=%s LISTEN_FDNAMES=%s LISTEN_PID is %s; open: %s\n", app, value_of("LISTEN_FDS"),
         value_of("LISTEN_FDNAMES"), atoi(value_of("LISTEN_PID")) == getpid() ? "ours" : value_of("LISTEN_PID"), descriptors);
  fflush(stdout);
  if (atoi(value_of("LISTEN_PID")) != getpid())
    return argc > 1 ? 0 : 3;
  int count = atoi(value_of("LISTEN_FDS"));
  struct pollfd waits[MAX];
  char *names[MAX];
  char *rest = strdup(value_of("LISTEN_FDNAMES"));
  for (int i = 0; i < count; i++) {
    names[i] = strsep(&rest, ":");
    waits[i] = (struct pollfd){.fd = FIRST + i, .events = POLLIN};
  }
  (void)argv;
  for (;;) {
    if (poll(waits, count, -1) <= 0)
      continue;
    for (int i = 0; i < count; i++)
      if (waits[i].revents != 0)
        serve(app, names[i], FIRST + i);
  }
}
