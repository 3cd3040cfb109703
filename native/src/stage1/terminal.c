#include "stage1/terminal.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/cleanup.h"

/* What a terminal is that nobody looks at. */
static const struct winsize usual_size = {.ws_row = 24, .ws_col = 80};

/* For the handler of deadly signals. */
static struct terminal *entered;

unsigned terminal_streams(void) {
  unsigned streams = 0;
  for (int fd = 0; fd <= 2; fd++)
    if (isatty(fd))
      streams |= 1u << fd;
  return streams;
}

/* The master end of a pair is a terminal too, but its name is that of the device that makes new ones. */
static bool is_master(int fd) {
  unsigned number;
  return ioctl(fd, TIOCGPTN, &number) == 0;
}

int terminal_open_again(int fd, int flags, int *ret_fd, struct rkt_error *err) {
  char path[32];
  snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
  int own = isatty(fd) && !is_master(fd) ? open(path, flags | O_NOCTTY | O_NONBLOCK | O_CLOEXEC) : -1;
  if (own < 0)
    own = fcntl(fd, F_DUPFD_CLOEXEC, 3);
  if (own < 0)
    return rkt_fail(err, errno, "opening the terminal");
  *ret_fd = own;
  return 0;
}

/* The stream that the app's output is shown on: of those in `streams` the one that is meant for output, if any is. */
static int choose_output(unsigned streams) {
  static const int order[] = {STDOUT_FILENO, STDERR_FILENO, STDIN_FILENO};
  for (size_t i = 0; i < sizeof(order) / sizeof(order[0]); i++)
    if ((streams & 1u << order[i]) != 0)
      return order[i];
  return -1;
}

int terminal_open(unsigned streams, struct terminal *ret_terminal, struct rkt_error *err) {
  struct terminal terminal = {.input = -1, .output = -1};
  int output = choose_output(streams);
  int result = 0;
  if ((streams & 1u << STDIN_FILENO) != 0)
    result = terminal_open_again(STDIN_FILENO, O_RDWR, &terminal.input, err);
  if (result == 0 && output >= 0)
    result = terminal_open_again(output, O_WRONLY, &terminal.output, err);
  if (result < 0)
    return result;
  terminal.is_typed = terminal.input >= 0 && tcgetattr(terminal.input, &terminal.saved) == 0;
  *ret_terminal = terminal;
  return 0;
}

static void copy_size(const int *sources, size_t count, int target) {
  struct winsize size = usual_size;
  for (size_t i = 0; i < count; i++)
    if (ioctl(sources[i], TIOCGWINSZ, &size) == 0)
      break;
  (void)ioctl(target, TIOCSWINSZ, &size);
}

void terminal_copy_size(const struct terminal *terminal, int master) {
  copy_size((const int[]){terminal->input, terminal->output}, 2, master);
}

void terminal_imitate(unsigned streams, int slave) {
  struct termios settings;
  bool is_typed = (streams & 1u << STDIN_FILENO) != 0 && isatty(STDIN_FILENO);
  if (is_typed) {
    if (tcgetattr(STDIN_FILENO, &settings) == 0 && (settings.c_lflag & ICANON) != 0)
      (void)tcsetattr(slave, TCSANOW, &settings);
  } else if (tcgetattr(slave, &settings) == 0) {
    /* What shows the output, if it is a terminal, ends lines itself. */
    settings.c_oflag &= ~(tcflag_t)OPOST;
    (void)tcsetattr(slave, TCSANOW, &settings);
  }
  copy_size((const int[]){STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO}, 3, slave);
}

/* Only what signal-safety(7) allows. The signal kills when it is let through again, after the handler. */
static void restore_and_die(int number) {
  int saved = errno;
  if (entered != NULL)
    tcsetattr(entered->input, TCSANOW, &entered->saved);
  raise(number);
  errno = saved;
}

/* Those that the signal descriptor does not take; faults are ours as well. */
static void guard_deadly_signals(void) {
  static const int deadly[] = {SIGALRM, SIGVTALRM, SIGPROF, SIGIO,  SIGPWR,  SIGSTKFLT, SIGTRAP, SIGABRT,
                               SIGSEGV, SIGBUS,    SIGILL,  SIGFPE, SIGXCPU, SIGXFSZ,   SIGSYS};
  struct sigaction action = {.sa_handler = restore_and_die, .sa_flags = SA_RESETHAND};
  for (size_t i = 0; i < sizeof(deadly) / sizeof(deadly[0]); i++)
    sigaction(deadly[i], &action, NULL);
  for (int number = SIGRTMIN; number <= SIGRTMAX; number++)
    sigaction(number, &action, NULL);
}

void terminal_enter(struct terminal *terminal) {
  if (!terminal->is_typed)
    return;
  if (entered == NULL)
    guard_deadly_signals();
  struct termios raw = terminal->saved;
  cfmakeraw(&raw);
  entered = terminal;
  terminal->raw = tcsetattr(terminal->input, TCSADRAIN, &raw) == 0;
}

void terminal_leave(struct terminal *terminal) {
  if (!terminal->raw)
    return;
  /* Asked by the controlling terminal; one that is not ours has no foreground of ours. */
  pid_t foreground = tcgetpgrp(terminal->input);
  if (foreground < 0 || foreground == getpgrp())
    (void)tcsetattr(terminal->input, TCSADRAIN, &terminal->saved);
  terminal->raw = false;
  entered = NULL;
}
