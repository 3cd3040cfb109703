#include "stage1/monitor-terminal.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "stage1/pty.h"

static int create(unsigned streams, struct monitor_terminal **ret_terminal, struct rkt_error *err) {
  cleanup_free struct monitor_terminal *created = calloc(1, sizeof(*created));
  if (created == NULL)
    return rkt_fail(err, ENOMEM, "relaying a terminal");
  int result = terminal_open(streams, &created->terminal, err);
  if (result < 0)
    return result;
  created->relay.master = created->relay.slave = -1;
  *ret_terminal = created;
  created = NULL;
  return 0;
}

int monitor_terminal_begin(struct monitor_terminal **terminal, const struct plan_app *app, int given,
                           struct rkt_error *err) {
  cleanup_close int master = given;
  cleanup_close int slave = -1;
  int result = pty_open_slave(master, &slave, err);
  if (result == 0 && *terminal == NULL)
    result = create(plan_terminal_streams(app), terminal, err);
  if (result < 0)
    return result;
  struct monitor_terminal *own = *terminal;
  relay_hang_up(&own->relay);
  relay_begin(&own->relay, &own->terminal, rkt_steal_fd(&master), rkt_steal_fd(&slave));
  terminal_enter(&own->terminal);
  return 0;
}

void monitor_terminal_wait_for(const struct monitor_terminal *terminal, struct pollfd waits[RELAY_POLLS]) {
  if (terminal != NULL) {
    relay_wait_for(&terminal->relay, waits);
    return;
  }
  for (int i = 0; i < RELAY_POLLS; i++)
    waits[i] = (struct pollfd){.fd = -1};
}

bool monitor_terminal_move(struct monitor_terminal *terminal, const struct pollfd waits[RELAY_POLLS]) {
  return terminal != NULL && relay_move(&terminal->relay, waits) == RELAY_ESCAPED;
}

bool monitor_terminal_takes(struct monitor_terminal *terminal, int signal) {
  if (terminal == NULL || (signal != SIGWINCH && signal != SIGCONT))
    return false;
  if (signal == SIGCONT)
    terminal_enter(&terminal->terminal);
  terminal_copy_size(&terminal->terminal, terminal->relay.master);
  return true;
}

void monitor_terminal_end(struct monitor_terminal *terminal, int signals) {
  if (terminal == NULL)
    return;
  relay_finish(&terminal->relay, signals);
  terminal_leave(&terminal->terminal);
  free(terminal);
}
