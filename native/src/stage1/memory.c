#include "stage1/memory.h"

#include <stdint.h>
#include <sys/mman.h>
#include <unistd.h>

/* From the linker: where the program's code begins and ends (end(3)). */
extern char __executable_start;
extern char etext;

void memory_release_code(void) {
  uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE);
  uintptr_t start = (uintptr_t)&__executable_start & ~(page - 1);
  uintptr_t end = ((uintptr_t)&etext + page - 1) & ~(page - 1);
  /* Only advice: where it is not taken, nothing is lost. */
  (void)madvise((void *)start, end - start, MADV_DONTNEED);
}
