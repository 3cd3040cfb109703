/*
 * kill-steps REPORT WHO NUMBER COMMAND [ARGUMENT...]
 *
 * Runs a command under ptrace(2), and kills whatever process of it is about to make the step with this number: a
 * system call that changes something, or a file being made. WHO is "first", for the steps of the command's own process
 * (and what it becomes by execve), or "all". 0 kills nobody. The call is not made any more. Ends when every process
 * that came of the command has ended, with the exit code of the command, or 137. REPORT gets "killed NAME" or
 * "survived", and how many steps there were.
 *
 * A seccomp filter stops processes at these calls and at no other, so that the command stays as fast as it is.
 */
#define _GNU_SOURCE
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

struct step {
  const char *name;
  unsigned number;
};

#define STEP(call) {#call, SYS_##call}
static const struct step steps[] = {
    STEP(mkdirat),  STEP(mknodat),     STEP(renameat2),     STEP(unlinkat),  STEP(linkat),      STEP(symlinkat), STEP(write),
    STEP(writev),   STEP(pwrite64),    STEP(ftruncate),     STEP(fallocate), STEP(fchmod),      STEP(fchmodat),  STEP(fchown),
    STEP(fchownat), STEP(utimensat),   STEP(setxattr),      STEP(fsetxattr), STEP(fsync),       STEP(fdatasync), STEP(syncfs),
    STEP(mount),    STEP(umount2),     STEP(move_mount),    STEP(fsmount),   STEP(open_tree),   STEP(flock),     STEP(setns),
    STEP(unshare),  STEP(clone),       STEP(clone3),        STEP(execve),    STEP(execveat),    STEP(sendto),    STEP(sendmsg),
    STEP(connect),  STEP(pivot_root),  STEP(mount_setattr), STEP(chdir),     STEP(copy_file_range),
#ifdef SYS_mkdir
    STEP(mkdir),    STEP(mknod),       STEP(rename),        STEP(unlink),    STEP(rmdir),       STEP(link),      STEP(symlink),
    STEP(fork),     STEP(vfork),
#endif
#ifdef SYS_renameat
    STEP(renameat),
#endif
};
enum { STEPS = sizeof(steps) / sizeof(steps[0]) };

static void install_filter(void) {
  struct sock_filter filter[2 * STEPS + 8];
  unsigned short length = 0;
  filter[length++] = (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr));
  for (size_t i = 0; i < STEPS; i++) {
    filter[length++] = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, steps[i].number, 0, 1);
    filter[length++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_TRACE);
  }
  /* openat(2) only where it may make a file. The flags are in the lower half: both architectures are little-endian. */
  filter[length++] = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_openat, 0, 3);
  filter[length++] = (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, args[2]));
  filter[length++] = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K, O_CREAT, 0, 1);
  filter[length++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_TRACE);
  filter[length++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
  struct sock_fprog program = {.len = length, .filter = filter};
  /* Root needs no no_new_privs for it, which would be inherited by what is tested. */
  if (prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program, 0, 0) < 0)
    err(2, "installing the filter");
}

static pid_t process_of(pid_t thread) {
  char path[64];
  char line[256];
  int process = 0;
  snprintf(path, sizeof(path), "/proc/%d/status", thread);
  FILE *file = fopen(path, "re");
  while (file != NULL && process == 0 && fgets(line, sizeof(line), file) != NULL)
    sscanf(line, "Tgid:\t%d", &process);
  if (file != NULL)
    fclose(file);
  return process;
}

static const char *name_of(pid_t thread) {
  struct __ptrace_syscall_info info = {0};
  ptrace(PTRACE_GET_SYSCALL_INFO, thread, sizeof(info), &info);
  for (size_t i = 0; i < STEPS; i++)
    if (steps[i].number == info.seccomp.nr)
      return steps[i].name;
  return "openat";
}

int main(int argc, char **argv) {
  if (argc < 5)
    errx(2, "usage: kill-steps REPORT first|all NUMBER COMMAND [ARGUMENT...]");
  bool all = strcmp(argv[2], "all") == 0;
  long wanted = strtol(argv[3], NULL, 10);
  pid_t first = fork();
  if (first == 0) {
    ptrace(PTRACE_TRACEME, 0, 0, 0);
    raise(SIGSTOP);
    install_filter();
    execv(argv[4], argv + 4);
    err(2, "executing %s", argv[4]);
  }
  int status;
  waitpid(first, &status, 0);
  long options = PTRACE_O_TRACESECCOMP | PTRACE_O_TRACECLONE | PTRACE_O_TRACEFORK | PTRACE_O_TRACEVFORK | PTRACE_O_TRACEEXEC |
                 PTRACE_O_EXITKILL;
  if (ptrace(PTRACE_SETOPTIONS, first, 0, options) < 0)
    err(2, "tracing");
  ptrace(PTRACE_CONT, first, 0, 0);

  long count = 0;
  const char *killed = NULL;
  int code = 2;
  for (pid_t pid; (pid = waitpid(-1, &status, __WALL)) > 0 || errno == EINTR;) {
    if (pid <= 0)
      continue;
    if (WIFEXITED(status) || WIFSIGNALED(status)) {
      if (pid == first)
        code = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
      continue;
    }
    int event = status >> 16;
    int signal = WSTOPSIG(status);
    if (event == PTRACE_EVENT_SECCOMP) {
      pid_t process = process_of(pid);
      if ((all || process == first) && ++count == wanted) {
        killed = name_of(pid);
        kill(process, SIGKILL);
      }
    }
    /* New ones begin with a SIGSTOP, and group-stops are not to be kept; everything else is passed on. */
    bool ours = event != 0 || signal == SIGTRAP || signal == SIGSTOP;
    ptrace(PTRACE_CONT, pid, 0, ours ? 0 : signal);
  }
  FILE *report = fopen(argv[1], "we");
  if (report == NULL)
    err(2, "%s", argv[1]);
  fprintf(report, "%s%s %ld\n", killed == NULL ? "survived" : "killed ", killed == NULL ? "" : killed, count);
  fclose(report);
  return code;
}
