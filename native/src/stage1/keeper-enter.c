#include "stage1/keeper-enter.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "stage1/exit-code.h"
#include "stage1/message.h"
#include "stage1/pty.h"
#include "stage1/signals.h"

/*
 * Of the host's devpts: which of the file systems that it can see is the app's, only the image's program knows. It is
 * one that nobody else has, all the same, and what is typed into it is the app's.
 */
static int open_terminal(struct enter_session *session, struct rkt_error *err) {
  cleanup_close int root = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
  if (root < 0)
    return rkt_fail(err, errno, "opening the root directory");
  struct pty pty;
  int result = pty_open(root, &pty, err);
  if (result < 0)
    return result;
  terminal_imitate(session->streams, pty.slave);
  relay_begin(&session->relay, &session->terminal, pty.master, pty.slave);
  return 0;
}

static _Noreturn void become_enter(const struct keeper_program *program, const struct enter_session *session, pid_t parent) {
  struct rkt_error err;
  prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
  if (getppid() != parent)
    _exit(EXIT_OWN_FAILURE);
  int result = session->by_pipes ? pipe_relay_replace(&session->pipes, &err)
                                 : pty_replace(session->relay.slave, session->streams, &err);
  if (result == 0)
    result = enter_session_control(session, 0, &err);
  signals_release();
  if (result == 0)
    keeper_execute(program, &err);
  message_print("%s", err.message);
  _exit(EXIT_OWN_FAILURE);
}

int keeper_enter(const struct keeper_program *program, enum enter_terminal wanted, int *ret_code, struct rkt_error *err) {
  if (wanted != ENTER_TERMINAL_ALWAYS && terminal_streams() == 0)
    return keeper_execute(program, err);
  signals_take_over();
  struct enter_session session;
  int result = enter_session_open(wanted, &session, err);
  if (result == 0 && !session.by_pipes)
    result = open_terminal(&session, err);
  if (result < 0)
    return result;
  pid_t own = getpid();
  pid_t pid = fork();
  if (pid < 0)
    return rkt_fail(err, errno, "starting the program");
  if (pid == 0)
    become_enter(program, &session, own);
  *ret_code = enter_session_wait(&session, pid);
  return 0;
}
