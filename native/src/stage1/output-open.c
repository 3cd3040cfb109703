#include "stage1/output-open.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "stage1/activation.h"
#include "stage1/pty.h"

/* Output and error messages, or some of them and a terminal. */
#define STREAMS_PER_APP 3

static const char *const names[] = {"stdin", "stdout", "stderr"};

/* The launchers close everything, and the init everything but the ends, above a number that these must not be below. */
static int raise(int *fd) {
  if (*fd >= STREAMS_FIRST_FD)
    return 0;
  int raised = fcntl(*fd, F_DUPFD_CLOEXEC, STREAMS_FIRST_FD);
  if (raised < 0)
    return -errno;
  close(*fd);
  *fd = raised;
  return 0;
}

/*
 * sendfile(2) and splice(2) from a socket to a pipe hold the pipe's lock for as long as the socket has nothing (Linux 6.18), and
 * what was printed before cannot be read meanwhile, whatever O_NONBLOCK and RWF_NOWAIT say. busybox's cat does that with its standard
 * input. So an app that has a socket as its input gets sockets as its output, although it cannot open those by /dev/stdout.
 */
static bool has_socket_input(const struct plan_app *app) {
  struct stat status;
  return app->std_streams[STDIN_FILENO] == PLAN_STREAM_POD && fstat(STDIN_FILENO, &status) == 0 && S_ISSOCK(status.st_mode);
}

static int open_ends(const struct plan_app *app, bool input, int ends[2]) {
  bool sockets = !input && has_socket_input(app);
  int result = sockets ? socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) : pipe2(ends, O_CLOEXEC);
  return result < 0 ? -errno : 0;
}

/*
 * A pipe of which [0] is ours and [1] the app's; `input`: the app reads. The app's user owns it, so that the app can open
 * /dev/stdout. Only our end does not wait.
 */
static int make_pipe(const struct plan *plan, const struct plan_app *app, bool input, int ret_ends[2]) {
  int ends[2];
  int result = open_ends(app, input, ends);
  if (result < 0)
    return result;
  cleanup_close int ours = ends[input ? 1 : 0];
  cleanup_close int theirs = ends[input ? 0 : 1];
  uint32_t shift = plan->userns == NULL ? 0 : plan->userns->shift;
  if (fcntl(ours, F_SETFL, O_NONBLOCK) < 0 ||
      ((app->uid + shift != 0 || app->gid + shift != 0) && fchown(theirs, app->uid + shift, app->gid + shift) < 0))
    return -errno;
  result = raise(&theirs);
  if (result < 0)
    return result;
  ret_ends[0] = rkt_steal_fd(&ours);
  ret_ends[1] = rkt_steal_fd(&theirs);
  return 0;
}

static int make_endpoint(struct output *output, const struct plan_app *app, const char *name, int input,
                         struct attach_endpoint **ret_endpoint, struct rkt_error *err) {
  if (output->attach == NULL) {
    int result = attach_server_open(output->dir, &output->attach, err);
    if (result < 0)
      return result;
    struct epoll_event event = {.events = EPOLLIN, .data.u32 = OUTPUT_ATTACH_EVENT};
    if (epoll_ctl(output->poll, EPOLL_CTL_ADD, attach_server_poll(output->attach), &event) < 0)
      return rkt_fail(err, errno, "preparing the streams of the apps");
  }
  return attach_server_add(output->attach, app->name, name, input, ret_endpoint, err);
}

static int fail_pipe(const struct plan_app *app, int result, struct rkt_error *err) {
  return rkt_fail(err, -result, "app \"%s\": making a pipe", app->name);
}

static int make_input(struct output *output, uint32_t index, struct rkt_error *err) {
  const struct plan_app *app = &plan_apps(output->plan)[index];
  int ends[2];
  if (app->std_streams[STDIN_FILENO] != PLAN_STREAM_ATTACHABLE)
    return 0;
  int result = make_pipe(output->plan, app, true, ends);
  if (result < 0)
    return fail_pipe(app, result, err);
  output->ends[index].fds[STDIN_FILENO] = ends[1];
  struct attach_endpoint *endpoint;
  result = make_endpoint(output, app, names[STDIN_FILENO], ends[0], &endpoint, err);
  if (result < 0)
    close(ends[0]);
  return result;
}

static struct output_outlet *outlet_of(const struct output *output, const struct plan_app *app, int number) {
  struct output_outlet *items = output->outlets->items;
  if (app->std_streams[number] != PLAN_STREAM_POD || (output->plan->flags & PLAN_FLAG_DETACHED) != 0)
    return NULL;
  return number == STDERR_FILENO && items[1].sink.fd >= 0 ? &items[1] : &items[0];
}

static int make_output(struct output *output, uint32_t index, int number, struct rkt_error *err) {
  const struct plan_app *app = &plan_apps(output->plan)[index];
  uint32_t mode = app->std_streams[number];
  int ends[2];
  if (mode != PLAN_STREAM_POD && mode != PLAN_STREAM_ATTACHABLE)
    return 0;
  int result = make_pipe(output->plan, app, false, ends);
  if (result < 0)
    return fail_pipe(app, result, err);
  output->ends[index].fds[number] = ends[1];
  bool prefixed = (output->plan->flags & PLAN_FLAG_PREFIX) != 0;
  struct output_stream *stream = &output->streams[output->count++];
  *stream = (struct output_stream){.app = app,
                                  .index = index,
                                  .number = number,
                                  .fd = ends[0],
                                  .slave = -1,
                                  .log = &output->logs[index],
                                  .outlet = outlet_of(output, app, number),
                                  .by_line = prefixed || output->plan->apps.count > 1,
                                  .prefixed = prefixed};
  if (mode == PLAN_STREAM_ATTACHABLE)
    result = make_endpoint(output, app, names[number], -1, &stream->endpoint, err);
  return result;
}

static int allocate(struct output *output, struct rkt_error *err) {
  size_t count = output->plan->apps.count;
  output->ends = calloc(count, sizeof(*output->ends));
  output->streams = calloc(count * STREAMS_PER_APP, sizeof(*output->streams));
  output->logs = calloc(count, sizeof(*output->logs));
  output->outlets = calloc(1, sizeof(*output->outlets));
  if (output->ends == NULL || output->streams == NULL || output->logs == NULL || output->outlets == NULL)
    return rkt_fail(err, ENOMEM, "preparing the streams of the apps");
  for (size_t i = 0; i < count; i++) {
    output->ends[i] = (struct stream_ends){.fds = {-1, -1, -1}};
    output->logs[i] = log_writer_make(output->plan, &plan_apps(output->plan)[i], output->dir);
  }
  output->outlets->items[0].sink.fd = STDOUT_FILENO;
  output->outlets->items[1].sink.fd = sink_same_file(STDOUT_FILENO, STDERR_FILENO) ? -1 : STDERR_FILENO;
  return 0;
}

int output_make(struct output *output, struct rkt_error *err) {
  int result = allocate(output, err);
  if (result == 0 && (output->poll = epoll_create1(EPOLL_CLOEXEC)) < 0)
    result = rkt_fail(err, errno, "preparing the streams of the apps");
  for (uint32_t i = 0; result == 0 && i < output->plan->apps.count; i++) {
    result = activation_take_over(&plan_apps(output->plan)[i], &output->ends[i], err);
    if (result == 0)
      result = make_input(output, i, err);
    for (int number = STDOUT_FILENO; result == 0 && number <= STDERR_FILENO; number++)
      result = make_output(output, i, number, err);
  }
  return result;
}

int output_make_terminal(struct output *output, uint32_t index, int master, struct output_stream **ret_stream,
                         struct rkt_error *err) {
  const struct plan_app *app = &plan_apps(output->plan)[index];
  cleanup_close int owned = master;
  cleanup_close int slave = -1;
  struct attach_endpoint *endpoint;
  if (output->count == output->plan->apps.count * STREAMS_PER_APP)
    return rkt_fail(err, 0, "app \"%s\" has a terminal already", app->name);
  /* Held open, because a master whose slave nobody has open just now cannot be waited for. */
  int result = pty_open_slave(master, &slave, err);
  if (result == 0)
    result = make_endpoint(output, app, "tty", master, &endpoint, err);
  if (result < 0)
    return result;
  struct output_stream *stream = &output->streams[output->count++];
  *stream = (struct output_stream){.app = app,
                                   .index = index,
                                   .number = STDOUT_FILENO,
                                   .fd = rkt_steal_fd(&owned),
                                   .slave = rkt_steal_fd(&slave),
                                   .log = &output->logs[index],
                                   .endpoint = endpoint};
  *ret_stream = stream;
  return 0;
}

void output_discard(struct output *output) {
  for (size_t i = 0; i < output->count; i++)
    output_stream_free(&output->streams[i]);
  attach_server_close(output->attach);
  for (size_t i = 0; i < output->plan->apps.count; i++) {
    if (output->ends != NULL)
      streams_close(&output->ends[i]);
    if (output->logs != NULL)
      log_writer_close(&output->logs[i]);
  }
  for (int i = 0; output->outlets != NULL && i < 2; i++)
    sink_close(&output->outlets->items[i].sink);
  free(output->ends);
  free(output->streams);
  free(output->logs);
  free(output->outlets);
  if (output->poll >= 0)
    close(output->poll);
  *output = (struct output){.plan = output->plan, .poll = -1};
}
