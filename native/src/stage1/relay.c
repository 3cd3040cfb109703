#include "stage1/relay.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

#include "stage1/signals.h"

#define ESCAPE 0x1d /* ^] */
#define ESCAPES_TO_LEAVE 3
#define ESCAPE_SECONDS 1

enum { WAIT_INPUT, WAIT_MASTER, WAIT_OUTPUT };

void relay_begin(struct relay *relay, struct terminal *terminal, int master, int slave) {
  relay->terminal = terminal;
  relay->master = master;
  relay->slave = slave;
  relay->input_over = terminal->input < 0;
  relay->output_over = terminal->output < 0;
  relay->escapes = 0;
  relay->typed.start = relay->typed.end = 0;
  relay->shown.start = relay->shown.end = 0;
}

void relay_hang_up(struct relay *relay) {
  if (relay->slave >= 0)
    close(relay->slave);
  if (relay->master >= 0)
    close(relay->master);
  relay->master = relay->slave = -1;
}

/* Nothing more is read than can be passed on: that is the back-pressure, in both directions. */
void relay_wait_for(const struct relay *relay, struct pollfd waits[RELAY_POLLS]) {
  bool alive = relay->master >= 0;
  short of_master = (short)((relay_buffer_is_empty(&relay->shown) ? POLLIN : 0) | (relay_buffer_is_empty(&relay->typed) ? 0 : POLLOUT));
  waits[WAIT_INPUT] = (struct pollfd){
      .fd = alive && !relay->input_over && relay_buffer_is_empty(&relay->typed) ? relay->terminal->input : -1, .events = POLLIN};
  waits[WAIT_MASTER] = (struct pollfd){.fd = of_master != 0 ? relay->master : -1, .events = of_master};
  waits[WAIT_OUTPUT] = (struct pollfd){
      .fd = !relay->output_over && !relay_buffer_is_empty(&relay->shown) ? relay->terminal->output : -1, .events = POLLOUT};
}

static bool is_recent(const struct timespec *since, const struct timespec *now) {
  time_t seconds = now->tv_sec - since->tv_sec;
  return seconds < ESCAPE_SECONDS || (seconds == ESCAPE_SECONDS && now->tv_nsec <= since->tv_nsec);
}

static bool is_escape(struct relay *relay) {
  if (!relay->terminal->is_typed)
    return false;
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  for (size_t i = relay->typed.start; i < relay->typed.end; i++) {
    if (relay->typed.data[i] != ESCAPE) {
      relay->escapes = 0;
      continue;
    }
    if (relay->escapes == 0 || !is_recent(&relay->first_escape, &now)) {
      relay->escapes = 0;
      relay->first_escape = now;
    }
    if (++relay->escapes == ESCAPES_TO_LEAVE)
      return true;
  }
  return false;
}

/* A file or a pipe that is at its end: the app reads an end of file, as if it had been typed. In a line it takes two. */
static void type_end_of_file(struct relay *relay, bool in_line) {
  struct termios settings;
  if (tcgetattr(relay->master, &settings) < 0)
    return;
  relay->typed.start = 0;
  relay->typed.end = in_line ? 2 : 1;
  memset(relay->typed.data, settings.c_cc[VEOF], relay->typed.end);
}

static enum relay_state take_input(struct relay *relay) {
  bool in_line = relay->typed.end > 0 && relay->typed.data[relay->typed.end - 1] != '\n';
  int filled = relay_buffer_fill(&relay->typed, relay->terminal->input);
  if (filled > 0)
    return is_escape(relay) ? RELAY_ESCAPED : RELAY_GOES_ON;
  if (filled == 0)
    return RELAY_GOES_ON;
  relay->input_over = true;
  if (relay->terminal->is_typed)
    relay_hang_up(relay);
  else
    type_end_of_file(relay, in_line);
  return RELAY_GOES_ON;
}

static void show(struct relay *relay) {
  if (relay->output_over || !relay_buffer_drain(&relay->shown, relay->terminal->output)) {
    /* Whoever looked is gone; the app may go on. */
    relay->output_over = true;
    relay->shown.start = relay->shown.end = 0;
  }
}

enum relay_state relay_move(struct relay *relay, const struct pollfd waits[RELAY_POLLS]) {
  enum relay_state state = RELAY_GOES_ON;
  if (waits[WAIT_INPUT].revents != 0)
    state = take_input(relay);
  if ((waits[WAIT_MASTER].revents & (POLLIN | POLLHUP | POLLERR)) != 0 && relay->master >= 0 && relay_buffer_is_empty(&relay->shown) &&
      relay_buffer_fill(&relay->shown, relay->master) < 0)
    relay_hang_up(relay);
  if (relay->master >= 0 && !relay_buffer_is_empty(&relay->typed) && !relay_buffer_drain(&relay->typed, relay->master))
    relay_hang_up(relay);
  /* Not before poll(2) has said so: what is no terminal may make its writer wait, and us deaf to signals. */
  if (!relay_buffer_is_empty(&relay->shown) && (relay->output_over || waits[WAIT_OUTPUT].revents != 0))
    show(relay);
  return state;
}

/* False when we are asked to end instead. */
static bool wait_for_output(const struct relay *relay, int signals) {
  struct pollfd waits[] = {{.fd = relay->terminal->output, .events = POLLOUT}, {.fd = signals, .events = POLLIN}};
  if (poll(waits, 2, -1) < 0)
    return errno == EINTR;
  for (int number; waits[1].revents != 0 && (number = signals_next(signals)) != 0;)
    if (signals_is_stop(number) || number == SIGHUP || number == SIGQUIT)
      return false;
  return true;
}

void relay_finish(struct relay *relay, int signals) {
  while (!relay->output_over) {
    if (relay_buffer_is_empty(&relay->shown) && (relay->master < 0 || relay_buffer_fill(&relay->shown, relay->master) <= 0))
      break;
    if (!wait_for_output(relay, signals))
      break;
    show(relay);
  }
  relay_hang_up(relay);
}
