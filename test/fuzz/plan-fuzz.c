/*
 * The launch plan parser against arbitrary bytes. With clang it is a libFuzzer target:
 *
 *   clang -g -fsanitize=fuzzer,address,undefined -Inative/src test/fuzz/plan-fuzz.c native/src/stage1/plan*.c ...
 *
 * Without, fuzz-driver.c mutates plans itself (see test/integration/stage1/plan-fuzz.test.ts).
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "stage1/plan.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
void fuzz_put_right(uint8_t *data, size_t size);

/* The length in the header. */
void fuzz_put_right(uint8_t *data, size_t size) {
  uint32_t body = (uint32_t)size - 12;
  for (int i = 0; size >= 12 && i < 4; i++)
    data[8 + i] = (uint8_t)(body >> (8 * i));
}

/* Touches every byte that a string of the plan claims to have, so that the address sanitizer sees it. */
static size_t measure(const struct plan_list *strings) {
  size_t total = 0;
  for (char **at = plan_strings(strings); at != NULL && *at != NULL; at++)
    total += strlen(*at);
  return total;
}

static size_t measure_app(const struct plan_app *app) {
  size_t total = strlen(app->name) + strlen(app->cwd) + measure(&app->lowers) + measure(&app->command.args);
  total += measure(&app->env) + measure(&app->masked) + measure(&app->readonly_paths);
  const struct plan_mount *mounts = app->mounts.items;
  for (size_t i = 0; i < app->mounts.count; i++)
    total += strlen(mounts[i].source) + strlen(mounts[i].target);
  const struct plan_file *files = app->files.items;
  for (size_t i = 0; i < app->files.count; i++)
    for (size_t at = 0; at < files[i].data.length; at++)
      total += files[i].data.data[at];
  for (size_t i = 0; i < app->sockets.count; i++)
    total += strlen(plan_sockets(app)[i].name);
  if (app->pre_start != NULL)
    total += measure(&app->pre_start->args);
  return total;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  /* An allocation of exactly this size: a read past its end is seen. */
  unsigned char *copy = malloc(size == 0 ? 1 : size);
  if (copy == NULL)
    return 0;
  if (size > 0)
    memcpy(copy, data, size);
  struct plan plan;
  struct rkt_error err = {0};
  volatile size_t total = 0;
  int result = plan_parse(copy, size, &plan, &err);
  if (result == 0) {
    total = strlen(plan.uuid) + strlen(plan.hostname) + measure(&plan.sysctls);
    for (size_t i = 0; i < plan.apps.count; i++)
      total += measure_app(&plan_apps(&plan)[i]);
    plan_free(&plan);
  } else if (result > 0 || err.errnum <= 0 || strncmp(err.message, "launch plan: ", 13) != 0) {
    /* Every refusal is a proper error. */
    abort();
  }
  free(copy);
  return 0;
}
