/* Makes system calls as the arguments say, to find out what becomes of them. Prints 0 or the number of the error. */
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static void *end_at_once(void *argument) { return argument; }

static long in_thread(void) {
  pthread_t thread;
  int result = pthread_create(&thread, NULL, end_at_once, NULL);
  return result == 0 ? pthread_join(thread, NULL) : result;
}

#ifdef __x86_64__
/* The gate of 32-bit programs. */
static long call_32(long number, long a, long b, long c) {
  long result;
  __asm__ volatile("int $0x80" : "=a"(result) : "a"(number), "b"(a), "c"(b), "d"(c) : "memory");
  return (int)result < 0 ? -(int)result : 0;
}
#else
static long call_32(long number, long a, long b, long c) { return number + a + b + c; }
#endif

/* Makes every call that is named by its number, and prints those that gave `wanted`. */
static void sweep(long wanted, char **numbers) {
  for (; *numbers != NULL; numbers++)
    if (syscall(strtol(*numbers, NULL, 0), -1L, -1L, -1L, -1L, -1L, -1L) < 0 && errno == wanted)
      printf("%s\n", *numbers);
}

int main(int argc, char **argv) {
  if (argc > 2 && strcmp(argv[1], "sweep") == 0) {
    sweep(strtol(argv[2], NULL, 0), argv + 3);
    return 0;
  }
  long arguments[7] = {0};
  for (int i = 2; i < argc && i < 9; i++)
    arguments[i - 2] = strtol(argv[i], NULL, 0);
  const char *how = argc > 1 ? argv[1] : "";
  long error = 0;
  if (strcmp(how, "thread") == 0)
    error = in_thread();
  else if (strcmp(how, "call32") == 0)
    error = call_32(arguments[0], arguments[1], arguments[2], arguments[3]);
  else if (syscall(arguments[0], arguments[1], arguments[2], arguments[3], arguments[4], arguments[5], arguments[6]) < 0)
    error = errno;
  printf("%ld\n", error);
  return 0;
}
