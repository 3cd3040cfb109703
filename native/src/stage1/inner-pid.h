#pragma once

#include <sys/types.h>

/* The number that a process has in its own PID namespace, the innermost; its number here where the kernel does not tell. */
pid_t inner_pid(pid_t pid);
