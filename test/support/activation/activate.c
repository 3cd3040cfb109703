/*
 * What a service manager does for socket activation:
 *
 *   activate [-n NAMES] [-c COUNT] SOCKET... -- COMMAND...
 *
 * opens the sockets and executes the command with them from descriptor 3 on. A socket is tcp:ADDRESS:PORT, tcp6:PORT (any address,
 * IPv4 too), udp:ADDRESS:PORT, unix:PATH, connected:PORT (one connection to that port) or null. -c says another LISTEN_FDS than true.
 *
 *   activate ask tcp|udp ADDRESS PORT TEXT
 *
 * is a client: it sends a line and prints the answer, and tries again as long as nobody listens.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

static int fail(const char *what) {
  perror(what);
  exit(1);
}

static struct sockaddr_in address_of(const char *address, int port) {
  struct sockaddr_in name = {.sin_family = AF_INET, .sin_port = htons(port)};
  if (inet_pton(AF_INET, address, &name.sin_addr) != 1)
    fail(address);
  return name;
}

static int open_bound(int type, const struct sockaddr *name, socklen_t size) {
  int on = 1;
  int fd = socket(name->sa_family, type, 0);
  if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) < 0 || bind(fd, name, size) < 0 ||
      (type == SOCK_STREAM && listen(fd, 16) < 0))
    fail("opening a socket");
  return fd;
}

static int open_connected(int port) {
  struct sockaddr_in name = address_of("127.0.0.1", port);
  int server = open_bound(SOCK_STREAM, (struct sockaddr *)&name, sizeof(name));
  int client = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (client < 0 || connect(client, (struct sockaddr *)&name, sizeof(name)) < 0)
    fail("connecting");
  int connection = accept(server, NULL, NULL);
  close(server);
  return connection;
}

static int open_one(char *spec) {
  char *kind = strtok(spec, ":");
  if (strcmp(kind, "null") == 0)
    return open("/dev/null", O_RDWR);
  char *first = strtok(NULL, ":");
  if (strcmp(kind, "unix") == 0) {
    struct sockaddr_un name = {.sun_family = AF_UNIX};
    strcpy(name.sun_path, first);
    return open_bound(SOCK_STREAM, (struct sockaddr *)&name, sizeof(name));
  }
  if (strcmp(kind, "connected") == 0)
    return open_connected(atoi(first));
  if (strcmp(kind, "tcp6") == 0) {
    struct sockaddr_in6 name = {.sin6_family = AF_INET6, .sin6_port = htons(atoi(first))};
    return open_bound(SOCK_STREAM, (struct sockaddr *)&name, sizeof(name));
  }
  struct sockaddr_in name = address_of(first, atoi(strtok(NULL, ":")));
  return open_bound(strcmp(kind, "udp") == 0 ? SOCK_DGRAM : SOCK_STREAM, (struct sockaddr *)&name, sizeof(name));
}

static int ask(char **argv) {
  int datagram = strcmp(argv[0], "udp") == 0;
  struct sockaddr_in name = address_of(argv[1], atoi(argv[2]));
  char text[4096];
  for (;;) {
    int fd = socket(AF_INET, datagram ? SOCK_DGRAM : SOCK_STREAM, 0);
    if (fd < 0 || connect(fd, (struct sockaddr *)&name, sizeof(name)) == 0) {
      dprintf(fd, "%s\n", argv[3]);
      ssize_t length = recv(fd, text, sizeof(text), 0);
      if (length > 0)
        return fwrite(text, 1, (size_t)length, stdout) != (size_t)length;
      /* Whoever had it in its queue has ended; the socket is still there. */
    } else if (errno != ECONNREFUSED) {
      fail("connecting");
    }
    close(fd);
    usleep(10000);
  }
}

int main(int argc, char **argv) {
  const char *names = NULL;
  const char *claimed = NULL;
  int option;
  if (argc == 6 && strcmp(argv[1], "ask") == 0)
    return ask(argv + 2);
  while ((option = getopt(argc, argv, "+n:c:")) > 0)
    *(option == 'n' ? &names : &claimed) = optarg;
  int count = 0;
  int fds[64];
  /* getopt(3) has swallowed a "--" that follows no socket. */
  if (strcmp(argv[optind - 1], "--") == 0)
    optind--;
  for (; optind < argc && strcmp(argv[optind], "--") != 0; optind++)
    fds[count++] = fcntl(open_one(argv[optind]), F_DUPFD_CLOEXEC, 100);
  for (int i = 0; i < count; i++)
    if (dup2(fds[i], 3 + i) < 0)
      fail("moving a socket");
  char text[32];
  snprintf(text, sizeof(text), "%d", count);
  setenv("LISTEN_FDS", claimed == NULL ? text : claimed, 1);
  snprintf(text, sizeof(text), "%d", getpid());
  setenv("LISTEN_PID", text, 1);
  if (names != NULL)
    setenv("LISTEN_FDNAMES", names, 1);
  execvp(argv[optind + 1], argv + optind + 1);
  return fail(argv[optind + 1]);
}
