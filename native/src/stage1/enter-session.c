#include "stage1/enter-session.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/pidfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "stage1/exit-code.h"
#include "stage1/pty.h"
#include "stage1/report.h"
#include "stage1/signals.h"

#define ALL_STREAMS 7u

int enter_session_open(enum enter_terminal wanted, struct enter_session *ret_session, struct rkt_error *err) {
  *ret_session = (struct enter_session){
      .streams = wanted == ENTER_TERMINAL_ALWAYS ? ALL_STREAMS : terminal_streams(),
      .by_pipes = wanted == ENTER_TERMINAL_NEVER,
  };
  ret_session->relay.master = ret_session->relay.slave = -1;
  ret_session->signals = signals_open();
  if (ret_session->signals < 0)
    return rkt_fail(err, -ret_session->signals, "opening a signal descriptor");
  if (ret_session->by_pipes)
    return pipe_relay_open(ret_session->streams, &ret_session->pipes, err);
  return ret_session->streams == 0 ? 0 : terminal_open(ret_session->streams, &ret_session->terminal, err);
}

static bool has_terminal(const struct enter_session *session) { return session->streams != 0 && !session->by_pipes; }

int enter_session_replace(const struct enter_session *session, int reports, struct rkt_error *err) {
  if (session->by_pipes)
    return pipe_relay_replace(&session->pipes, err);
  if (!has_terminal(session))
    return 0;
  cleanup_close int root = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
  if (root < 0)
    return rkt_fail(err, errno, "opening the app's root directory");
  struct pty pty;
  int result = pty_open(root, &pty, err);
  if (result < 0)
    return result;
  cleanup_close int master = pty.master;
  cleanup_close int slave = pty.slave;
  terminal_imitate(session->streams, slave);
  report_send_files(reports, &(struct report){.kind = REPORT_TERMINAL}, &master, 1);
  return pty_replace(slave, session->streams, err);
}

int enter_session_take_master(struct enter_session *session, int given, struct rkt_error *err) {
  cleanup_close int master = given;
  cleanup_close int slave = -1;
  int result = pty_open_slave(master, &slave, err);
  if (result == 0)
    relay_begin(&session->relay, &session->terminal, rkt_steal_fd(&master), rkt_steal_fd(&slave));
  return result;
}

/* So that it can open them by name, as /dev/stdout. */
static int own_pipes(unsigned streams, unsigned uid, struct rkt_error *err) {
  for (int fd = 0; fd <= 2; fd++)
    if ((streams & 1u << fd) != 0 && fchown(fd, uid, (gid_t)-1) < 0)
      return rkt_fail(err, errno, "giving descriptor %d to user %u", fd, uid);
  return 0;
}

int enter_session_control(const struct enter_session *session, unsigned uid, struct rkt_error *err) {
  if (session->by_pipes)
    return own_pipes(session->streams, uid, err);
  return has_terminal(session) ? pty_control(__builtin_ctz(session->streams), uid, err) : 0;
}

/* What was meant for the caller's terminal is seen to here; the command is told by the size of its own. */
static void take_signal(struct enter_session *session, int number, int process) {
  if (has_terminal(session) && (number == SIGWINCH || number == SIGCONT)) {
    if (number == SIGCONT)
      terminal_enter(&session->terminal);
    terminal_copy_size(&session->terminal, session->relay.master);
  } else if (number != SIGCHLD) {
    pidfd_send_signal(process, number, NULL, 0);
  }
}

static void watch(struct enter_session *session, int process) {
  /* There are as many for pipes. */
  struct pollfd waits[2 + RELAY_POLLS] = {{.fd = process, .events = POLLIN}, {.fd = session->signals, .events = POLLIN}};
  while (waits[0].revents == 0) {
    if (session->by_pipes)
      pipe_relay_wait_for(&session->pipes, &waits[2]);
    else
      relay_wait_for(&session->relay, &waits[2]);
    if (poll(waits, sizeof(waits) / sizeof(waits[0]), -1) < 0) {
      if (errno != EINTR)
        return;
      continue;
    }
    for (int number; (number = signals_next(session->signals)) != 0;)
      take_signal(session, number, process);
    if (session->by_pipes) {
      pipe_relay_move(&session->pipes, &waits[2]);
    } else if (relay_move(&session->relay, &waits[2]) == RELAY_ESCAPED) {
      pidfd_send_signal(process, SIGKILL, NULL, 0);
      relay_hang_up(&session->relay);
    }
  }
}

int enter_session_wait(struct enter_session *session, pid_t command) {
  cleanup_close int process = pidfd_open(command, 0);
  if (session->by_pipes)
    pipe_relay_begin(&session->pipes);
  if (has_terminal(session))
    terminal_enter(&session->terminal);
  if (process >= 0)
    watch(session, process);
  int status;
  pid_t waited;
  while ((waited = waitpid(command, &status, 0)) < 0 && errno == EINTR)
    continue;
  if (session->by_pipes)
    pipe_relay_finish(&session->pipes, session->signals);
  if (has_terminal(session)) {
    relay_finish(&session->relay, session->signals);
    terminal_leave(&session->terminal);
  }
  return waited < 0 ? EXIT_OWN_FAILURE : exit_code_of(status);
}
