/*
 * Mutates inputs and hands them to the fuzz target, for compilers without libFuzzer.
 *
 *   driver ITERATIONS SECONDS SEED CORPUS_FILE...
 *
 * Stops after so many iterations or seconds, and prints how many inputs it tried.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define MAX_INPUT 65536

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
/* Of the target: puts right what a mutated input would be refused for at once. */
void fuzz_put_right(uint8_t *data, size_t size);

static uint64_t state;

/* xorshift64*: the same inputs for the same seed on every machine. */
static uint32_t next_random(uint32_t limit) {
  state ^= state >> 12;
  state ^= state << 25;
  state ^= state >> 27;
  return (uint32_t)((state * UINT64_C(2685821657736338717)) >> 32) % limit;
}

static size_t mutate(uint8_t *data, size_t size) {
  static const uint32_t interesting[] = {0, 1, 3, 7, 8, 0x7f, 0xff, 0x1000, 0xffff, 0x7fffffff, 0x80000000, 0xffffffff};
  size_t at = size == 0 ? 0 : next_random((uint32_t)size);
  switch (next_random(6)) {
  case 0: /* flip a bit */
    data[at] ^= (uint8_t)(1u << next_random(8));
    return size;
  case 1: /* another byte */
    data[at] = (uint8_t)next_random(256);
    return size;
  case 2: { /* a number that tends to hurt */
    uint32_t number = interesting[next_random(sizeof(interesting) / sizeof(interesting[0]))];
    if (at + 4 <= size)
      memcpy(data + at, &number, 4);
    return size;
  }
  case 3: /* the end is missing */
    return size > 12 ? 12 + next_random((uint32_t)size - 12) : size;
  case 4: { /* a piece is missing */
    size_t piece = 1 + next_random(64);
    if (at + piece >= size)
      return size;
    memmove(data + at, data + at + piece, size - at - piece);
    return size - piece;
  }
  default: { /* a piece stands twice */
    size_t piece = 1 + next_random(256);
    if (at + piece > size || size + piece > MAX_INPUT)
      return size;
    memmove(data + at + piece, data + at, size - at);
    return size + piece;
  }
  }
}

static size_t load(const char *path, uint8_t *data) {
  FILE *file = fopen(path, "rb");
  if (file == NULL) {
    perror(path);
    exit(2);
  }
  size_t size = fread(data, 1, MAX_INPUT, file);
  fclose(file);
  return size;
}

int main(int argc, char **argv) {
  static uint8_t corpus[16][MAX_INPUT];
  static size_t sizes[16];
  static uint8_t input[MAX_INPUT];
  if (argc < 5)
    return 2;
  unsigned long iterations = strtoul(argv[1], NULL, 10);
  time_t end = time(NULL) + strtol(argv[2], NULL, 10);
  state = strtoull(argv[3], NULL, 10) | 1;
  uint32_t count = (uint32_t)argc - 4 > 16 ? 16 : (uint32_t)argc - 4;
  for (uint32_t i = 0; i < count; i++) {
    sizes[i] = load(argv[4 + i], corpus[i]);
    LLVMFuzzerTestOneInput(corpus[i], sizes[i]);
  }
  unsigned long done = 0;
  for (; done < iterations && ((done & 1023) != 0 || time(NULL) < end); done++) {
    uint32_t chosen = next_random(count);
    size_t size = sizes[chosen];
    memcpy(input, corpus[chosen], size);
    for (uint32_t i = 1 + next_random(4); i > 0; i--)
      size = mutate(input, size);
    /* Mostly, or nothing but the first check would be tested. */
    if (next_random(16) != 0)
      fuzz_put_right(input, size);
    LLVMFuzzerTestOneInput(input, size);
  }
  printf("%lu\n", done);
  return 0;
}
