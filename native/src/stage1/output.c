#include "stage1/output.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "stage1/output-open.h"
#include "stage1/output-stream.h"

/* After so many reads of one stream it is the others' turn, and the monitor's. */
#define READS_AT_ONCE 8
#define EVENTS_AT_ONCE 16

/* Streams are told by their position; then come the outlets. */
#define OUTLET_EVENT UINT32_C(0x80000000)

static bool watch(const struct output *output, int fd, uint32_t events, uint32_t data) {
  struct epoll_event event = {.events = events, .data.u32 = data};
  return epoll_ctl(output->poll, EPOLL_CTL_ADD, fd, &event) == 0;
}

static void unwatch(const struct output *output, int fd) { epoll_ctl(output->poll, EPOLL_CTL_DEL, fd, NULL); }

int output_open(const struct plan *plan, int dir, struct output *ret_output, struct rkt_error *err) {
  struct output output = {.plan = plan, .dir = dir, .poll = -1};
  int result = output_make(&output, err);
  if (result < 0) {
    output_discard(&output);
    return result;
  }
  *ret_output = output;
  return 0;
}

/*
 * Listens to what a stream waits for: its pipe as long as there is room, its outlet as long as that has none. The pipe of one that
 * nobody reads is closed.
 */
static void update(struct output *output, struct output_stream *stream) {
  if (output_stream_is_unread(stream))
    output_stream_drain(stream);
  bool wanted = stream->fd >= 0 && stream->pid != 0 && output_stream_has_room(stream);
  if (stream->fd < 0)
    stream->watched = false;
  else if (wanted && !stream->watched)
    stream->watched = watch(output, stream->fd, EPOLLIN, (uint32_t)(stream - output->streams));
  else if (!wanted && stream->watched) {
    unwatch(output, stream->fd);
    stream->watched = false;
  }
  struct output_outlet *outlet = stream->outlet;
  if (outlet != NULL && outlet->sink.blocked && !outlet->watched)
    outlet->watched =
        watch(output, outlet->sink.fd, EPOLLOUT, OUTLET_EVENT + (uint32_t)(outlet - output->outlets->items));
}

/* The one in the middle of a line comes first, the others in turn. */
static void serve(struct output *output, struct output_outlet *outlet) {
  if (outlet->owner != NULL) {
    struct output_stream *owner = outlet->owner;
    output_stream_show(owner);
    update(output, owner);
  }
  for (size_t i = 0; i < output->count && !outlet->sink.blocked; i++) {
    struct output_stream *stream = &output->streams[(output->turn + i) % output->count];
    bool gone = stream->data != NULL && outlet->sink.fd < 0;
    if (stream->outlet != outlet || (!gone && !output_stream_waits(stream)))
      continue;
    output_stream_show(stream);
    update(output, stream);
    if (outlet->sink.blocked)
      output->turn = (size_t)(stream - output->streams) + 1;
  }
}

static void take_output(struct output *output, struct output_stream *stream) {
  struct output_outlet *outlet = stream->outlet;
  for (int i = 0; i < READS_AT_ONCE && output_stream_read(stream); i++)
    continue;
  update(output, stream);
  /* It has finished a line that others waited for, or the outlet is gone. */
  if (outlet != NULL && outlet->owner == NULL && !outlet->sink.blocked && output->count > 1)
    serve(output, outlet);
}

static void take_room(struct output *output, struct output_outlet *outlet) {
  unwatch(output, outlet->sink.fd);
  outlet->watched = false;
  outlet->sink.blocked = false;
  serve(output, outlet);
}

void output_take_process(struct output *output, uint32_t app, pid_t pid) {
  for (size_t i = 0; i < output->count; i++)
    if (output->streams[i].index == app) {
      output->streams[i].pid = pid;
      update(output, &output->streams[i]);
    }
}

int output_take_terminal(struct output *output, uint32_t app, int master, struct rkt_error *err) {
  struct output_stream *stream;
  int result = output_make_terminal(output, app, master, &stream, err);
  if (result < 0)
    return result;
  stream->pid = 1;
  update(output, stream);
  return 0;
}

void output_take_end(struct output *output, uint32_t app) {
  for (size_t i = 0; i < output->count; i++)
    if (output->streams[i].index == app) {
      output->streams[i].ended = true;
      take_output(output, &output->streams[i]);
    }
}

void output_handle(struct output *output) {
  struct epoll_event events[EVENTS_AT_ONCE];
  int count = output->poll < 0 ? 0 : epoll_wait(output->poll, events, EVENTS_AT_ONCE, 0);
  for (int i = 0; i < count; i++) {
    uint32_t data = events[i].data.u32;
    if (data == OUTPUT_ATTACH_EVENT)
      attach_server_handle(output->attach);
    else if (data >= OUTLET_EVENT)
      take_room(output, &output->outlets->items[data - OUTLET_EVENT]);
    else
      take_output(output, &output->streams[data]);
  }
}

void output_finish(struct output *output) {
  for (size_t i = 0; output->ends != NULL && i < output->plan->apps.count; i++)
    streams_close(&output->ends[i]);
  for (size_t i = 0; i < output->count; i++) {
    output_stream_drain(&output->streams[i]);
    update(output, &output->streams[i]);
  }
  for (int i = 0; output->outlets != NULL && i < 2; i++)
    serve(output, &output->outlets->items[i]);
}

static bool is_waiting(const struct output *output) {
  for (size_t i = 0; i < output->count; i++)
    if (output_stream_waits(&output->streams[i]))
      return true;
  return false;
}

void output_close(struct output *output) {
  struct pollfd wait = {.fd = output->poll, .events = POLLIN};
  while (is_waiting(output)) {
    (void)poll(&wait, 1, -1);
    output_handle(output);
  }
  output_discard(output);
}
