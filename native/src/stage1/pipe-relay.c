#include "stage1/pipe-relay.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "stage1/signals.h"
#include "stage1/terminal.h"

static void close_end(int *fd) {
  if (*fd >= 0)
    close(*fd);
  *fd = -1;
}

/* The other side learns of it: an end of file, or SIGPIPE. */
static void end_pipe(struct relayed_pipe *pipe) {
  close_end(&pipe->source);
  close_end(&pipe->sink);
}

static int open_pipe(int stream, struct relayed_pipe *ret_pipe, struct rkt_error *err) {
  cleanup_close int terminal = -1;
  int ends[2];
  int result = terminal_open_again(stream, stream == STDIN_FILENO ? O_RDONLY : O_WRONLY, &terminal, err);
  if (result < 0)
    return result;
  if (pipe2(ends, O_CLOEXEC) < 0)
    return rkt_fail(err, errno, "making a pipe");
  int ours = stream == STDIN_FILENO ? 1 : 0;
  (void)fcntl(ends[ours], F_SETFL, O_NONBLOCK);
  ret_pipe->theirs = ends[1 - ours];
  ret_pipe->source = stream == STDIN_FILENO ? rkt_steal_fd(&terminal) : ends[ours];
  ret_pipe->sink = stream == STDIN_FILENO ? ends[ours] : rkt_steal_fd(&terminal);
  return 0;
}

int pipe_relay_open(unsigned streams, struct pipe_relay *ret_relay, struct rkt_error *err) {
  int result = 0;
  for (int stream = 0; stream < PIPE_RELAY_POLLS; stream++) {
    struct relayed_pipe *pipe = &ret_relay->pipes[stream];
    *pipe = (struct relayed_pipe){.source = -1, .sink = -1, .theirs = -1};
    if (result == 0 && (streams & 1u << stream) != 0)
      result = open_pipe(stream, pipe, err);
  }
  return result;
}

int pipe_relay_replace(const struct pipe_relay *relay, struct rkt_error *err) {
  for (int stream = 0; stream < PIPE_RELAY_POLLS; stream++)
    if (relay->pipes[stream].theirs >= 0 && dup2(relay->pipes[stream].theirs, stream) < 0)
      return rkt_fail(err, errno, "making a pipe descriptor %d", stream);
  return 0;
}

void pipe_relay_begin(struct pipe_relay *relay) {
  for (int stream = 0; stream < PIPE_RELAY_POLLS; stream++)
    close_end(&relay->pipes[stream].theirs);
}

/* Nothing more is read than can be passed on. */
void pipe_relay_wait_for(const struct pipe_relay *relay, struct pollfd waits[PIPE_RELAY_POLLS]) {
  for (int stream = 0; stream < PIPE_RELAY_POLLS; stream++) {
    const struct relayed_pipe *pipe = &relay->pipes[stream];
    bool reads = relay_buffer_is_empty(&pipe->buffer);
    waits[stream] = (struct pollfd){.fd = reads ? pipe->source : pipe->sink, .events = reads ? POLLIN : POLLOUT};
  }
}

static void move_pipe(struct relayed_pipe *pipe) {
  bool alive = relay_buffer_is_empty(&pipe->buffer) ? relay_buffer_fill(&pipe->buffer, pipe->source) >= 0
                                                    : relay_buffer_drain(&pipe->buffer, pipe->sink);
  if (!alive) {
    pipe->buffer.start = pipe->buffer.end = 0;
    end_pipe(pipe);
  }
}

void pipe_relay_move(struct pipe_relay *relay, const struct pollfd waits[PIPE_RELAY_POLLS]) {
  for (int stream = 0; stream < PIPE_RELAY_POLLS; stream++)
    if (waits[stream].fd >= 0 && waits[stream].revents != 0)
      move_pipe(&relay->pipes[stream]);
}

/* False where there is nothing left to show on this stream: `left` bytes were in the pipe when the command had ended. */
static bool has_more(struct relayed_pipe *pipe, int *left) {
  if (pipe->source < 0)
    return false;
  if (!relay_buffer_is_empty(&pipe->buffer))
    return true;
  if (*left <= 0 || relay_buffer_fill(&pipe->buffer, pipe->source) <= 0)
    return false;
  *left -= (int)(pipe->buffer.end - pipe->buffer.start);
  return true;
}

static bool is_asked_to_end(int signals) {
  for (int number; (number = signals_next(signals)) != 0;)
    if (signals_is_stop(number) || number == SIGHUP || number == SIGQUIT)
      return true;
  return false;
}

void pipe_relay_finish(struct pipe_relay *relay, int signals) {
  end_pipe(&relay->pipes[STDIN_FILENO]);
  for (int stream = STDOUT_FILENO; stream <= STDERR_FILENO; stream++) {
    struct relayed_pipe *pipe = &relay->pipes[stream];
    int left = 0;
    (void)ioctl(pipe->source, FIONREAD, &left);
    while (has_more(pipe, &left)) {
      struct pollfd waits[] = {{.fd = pipe->sink, .events = POLLOUT}, {.fd = signals, .events = POLLIN}};
      if (poll(waits, 2, -1) < 0 && errno != EINTR)
        return;
      if (waits[1].revents != 0 && is_asked_to_end(signals))
        return;
      if (waits[0].revents != 0)
        move_pipe(pipe);
    }
  }
}
