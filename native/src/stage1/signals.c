#include "stage1/signals.h"

#include <errno.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/syscall.h>
#include <unistd.h>

static const int handled[] = {SIGCHLD, SIGTERM, SIGINT, SIGHUP, SIGQUIT, SIGUSR1, SIGUSR2, SIGWINCH, SIGCONT};

#define KERNEL_SIGSET_BYTES 8 /* 64 signals */

/*
 * By the system call: glibc keeps two real-time signals for itself and refuses to touch them, but whoever started us may have
 * ignored them all the same, and ignoring is inherited. All zeros are SIG_DFL, no flags and an empty mask, on every architecture.
 */
static void reset_disposition(int number) {
  unsigned long standard[8] = {0};
  syscall(SYS_rt_sigaction, number, standard, NULL, KERNEL_SIGSET_BYTES);
}

void signals_take_over(void) {
  for (int number = 1; number < _NSIG; number++)
    reset_disposition(number);
  sigset_t handled_set;
  sigemptyset(&handled_set);
  for (size_t i = 0; i < sizeof(handled) / sizeof(handled[0]); i++)
    sigaddset(&handled_set, handled[i]);
  sigprocmask(SIG_SETMASK, &handled_set, NULL);
}

void signals_release(void) {
  struct sigaction standard = {.sa_handler = SIG_DFL};
  sigaction(SIGPIPE, &standard, NULL);
  sigset_t none;
  sigemptyset(&none);
  sigprocmask(SIG_SETMASK, &none, NULL);
}

int signals_open(void) {
  struct sigaction ignore = {.sa_handler = SIG_IGN};
  sigaction(SIGPIPE, &ignore, NULL);
  sigset_t handled_set;
  sigemptyset(&handled_set);
  for (size_t i = 0; i < sizeof(handled) / sizeof(handled[0]); i++)
    sigaddset(&handled_set, handled[i]);
  int fd = signalfd(-1, &handled_set, SFD_CLOEXEC | SFD_NONBLOCK);
  return fd < 0 ? -errno : fd;
}

bool signals_is_stop(int signal) { return signal == SIGTERM || signal == SIGINT; }

int signals_for_app(const struct plan_app *app, int signal) {
  return signal == SIGTERM ? (int)app->stop_signal : signal;
}

int signals_get_parent_death(void) {
  int number = 0;
  return prctl(PR_GET_PDEATHSIG, &number, 0, 0, 0) < 0 ? 0 : number;
}

void signals_set_parent_death(int signal) {
  if (signal != 0)
    prctl(PR_SET_PDEATHSIG, signal, 0, 0, 0);
}

int signals_next(int fd) {
  struct signalfd_siginfo info;
  return read(fd, &info, sizeof(info)) == sizeof(info) ? (int)info.ssi_signo : 0;
}
