/*
 * Two apps print random lines in random pieces, a reader takes random amounts at random moments, and the logs are put aside all the
 * time. Whatever happens, every line comes out whole, once and in its order, on the stream and in the log.
 *
 *   output-driver DIRECTORY SEEDS SECONDS
 *
 * Stops after so many seeds or seconds and prints how many it tried. Made to be run with sanitizers.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "stage1/output-open.h"
#include "stage1/output.h"
#include "stage1/signals.h"

#define BYTES 200000u
#define APPS 2

static uint64_t state;

/* xorshift64*: the same for the same seed on every machine. */
static uint32_t next_random(uint32_t limit) {
  state ^= state >> 12;
  state ^= state << 25;
  state ^= state >> 27;
  return (uint32_t)((state * UINT64_C(2685821657736338717)) >> 32) % limit;
}

struct text {
  char *data;
  size_t length;
  size_t written;
};

static _Noreturn void fail(uint64_t seed, const char *what) {
  fprintf(stderr, "seed %llu: %s\n", (unsigned long long)seed, what);
  exit(1);
}

/* Lines of one app have letters that the other has not, so that a torn line is seen. Some are longer than LINE_LIMIT. */
static void make_text(struct text *text, char first) {
  text->length = text->written = 0;
  while (text->length < BYTES) {
    size_t line = next_random(20) == 0 ? next_random(40000) : next_random(120);
    for (size_t i = 0; i < line && text->length < BYTES; i++)
      text->data[text->length++] = (char)(first + (char)next_random(13));
    if (text->length < BYTES && next_random(50) != 0)
      text->data[text->length++] = '\n';
  }
}

static void write_some(struct text *text, int fd) {
  size_t size = 1 + next_random(next_random(3) == 0 ? 70000 : 300);
  if (size > text->length - text->written)
    size = text->length - text->written;
  ssize_t written = size == 0 ? 0 : write(fd, text->data + text->written, size);
  if (written > 0)
    text->written += (size_t)written;
}

static void read_some(int fd, struct text *seen, size_t size) {
  ssize_t count = read(fd, seen->data + seen->length, size);
  if (count > 0)
    seen->length += (size_t)count;
}

/* What is left of `text` without newlines is in the lines of `seen` that have the prefix, and these have nothing else. */
static void check_seen(uint64_t seed, const struct text *seen, const char *prefix, const struct text *text) {
  size_t at = 0;
  for (const char *line = seen->data, *end = seen->data + seen->length; line < end;) {
    const char *newline = memchr(line, '\n', (size_t)(end - line));
    if (newline == NULL)
      fail(seed, "the last line has no end");
    if ((size_t)(newline - line) >= strlen(prefix) && memcmp(line, prefix, strlen(prefix)) == 0)
      for (const char *byte = line + strlen(prefix); byte < newline; byte++) {
        while (at < text->length && text->data[at] == '\n')
          at++;
        if (at == text->length || text->data[at++] != *byte)
          fail(seed, "a line is torn, lost or out of order");
      }
    line = newline + 1;
  }
  while (at < text->length && text->data[at] == '\n')
    at++;
  if (at != text->length)
    fail(seed, "something was not shown");
}

/* Takes the entries of one file away from `text`. */
static void check_log(uint64_t seed, int dir, const char *name, const struct text *text, size_t *at) {
  static char buffer[1 << 20];
  int fd = openat(dir, name, O_RDONLY | O_CLOEXEC);
  ssize_t length = fd < 0 ? 0 : read(fd, buffer, sizeof(buffer));
  for (const char *entry = buffer, *end = buffer + length; entry < end;) {
    const char *newline = memchr(entry, '\n', (size_t)(end - entry));
    if (newline == NULL || newline - entry < 40 || memcmp(entry + 30, " stdout ", 8) != 0)
      fail(seed, "the log has something that is no entry");
    size_t size = (size_t)(newline - entry) - 40;
    bool complete = entry[38] == 'F';
    if (*at + size + complete > text->length || memcmp(entry + 40, text->data + *at, size) != 0 ||
        (complete && text->data[*at + size] != '\n'))
      fail(seed, "the log differs from what was printed");
    *at += size + complete;
    entry = newline + 1;
  }
  if (fd >= 0)
    close(fd);
  unlinkat(dir, name, 0);
}

static void check_logs(uint64_t seed, int dir, const char *app, const struct text *text) {
  char name[64];
  size_t at = 0;
  for (int number = 1000; number >= 0; number--) {
    snprintf(name, sizeof(name), number == 0 ? "logs/%s.log" : "logs/%s.log.%d", app, number);
    if (faccessat(dir, name, F_OK, 0) == 0)
      check_log(seed, dir, name, text, &at);
  }
  if (at != text->length)
    fail(seed, "something is missing in the log");
}

/* Everything is written while the reader does as it likes; then the apps end. */
static void print_all(struct output *output, struct text texts[APPS], int reader, struct text *seen) {
  /* Some readers keep up, others keep both apps waiting. */
  uint32_t appetite = next_random(2) == 0 ? 4000 : 100000;
  while (texts[0].written < texts[0].length || texts[1].written < texts[1].length) {
    uint32_t app = next_random(APPS);
    write_some(&texts[app], output->ends[app].fds[1]);
    if (next_random(3) != 0)
      output_handle(output);
    if (next_random(4) == 0)
      read_some(reader, seen, 1 + next_random(appetite));
  }
}

static void run(uint64_t seed, int dir, const struct plan *plan, struct text texts[APPS], struct text *seen) {
  int ends[2];
  struct output output;
  struct rkt_error err;
  if (pipe2(ends, O_CLOEXEC | O_NONBLOCK) < 0 || dup2(ends[1], STDOUT_FILENO) < 0 || output_open(plan, dir, &output, &err) < 0)
    fail(seed, "cannot begin");
  close(ends[1]);
  seen->length = 0;
  for (uint32_t i = 0; i < APPS; i++) {
    make_text(&texts[i], i == 0 ? 'a' : 'n');
    fcntl(output.ends[i].fds[1], F_SETFL, O_NONBLOCK);
    output_take_process(&output, i, (pid_t)(i + 2));
  }
  print_all(&output, texts, ends[0], seen);
  output_finish(&output);
  for (int i = 0; i < 100000 && seen->length < 4 * BYTES; i++) {
    read_some(ends[0], seen, 65536);
    output_handle(&output);
  }
  output_discard(&output);
  read_some(ends[0], seen, 65536);
  close(ends[0]);
  for (uint32_t i = 0; i < APPS; i++) {
    check_seen(seed, seen, i == 0 ? "a[2]: " : "b[3]: ", &texts[i]);
    check_logs(seed, dir, i == 0 ? "a" : "b", &texts[i]);
  }
}

int main(int argc, char **argv) {
  if (argc != 4)
    return 2;
  int dir = open(argv[1], O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  int result = dup(STDOUT_FILENO);
  struct plan_app apps[APPS] = {{.name = (char[]){"a"}}, {.name = (char[]){"b"}}};
  struct plan plan = {.apps = {.items = apps, .count = APPS}, .flags = PLAN_FLAG_PREFIX, .log_size = 30000, .log_files = 1000};
  struct text texts[APPS] = {{.data = malloc(BYTES)}, {.data = malloc(BYTES)}};
  struct text seen = {.data = malloc(8 * BYTES)};
  time_t end = time(NULL) + atol(argv[3]);
  uint64_t seed = 1;
  for (; seed <= strtoull(argv[2], NULL, 10) && time(NULL) < end; seed++) {
    state = seed * UINT64_C(0x9e3779b97f4a7c15);
    run(seed, dir, &plan, texts, &seen);
  }
  dprintf(result, "%llu\n", (unsigned long long)(seed - 1));
  free(texts[0].data);
  free(texts[1].data);
  free(seen.data);
  return 0;
}
