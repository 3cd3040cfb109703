#include "stage1/device-filter.h"

#include <errno.h>
#include <linux/bpf.h>
#include <stdint.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "common/cleanup.h"

_Static_assert(sizeof(struct bpf_insn) == DEVICE_FILTER_INSTRUCTION, "instructions have 8 bytes");

static int call(enum bpf_cmd command, union bpf_attr *attributes) {
  return (int)syscall(SYS_bpf, command, attributes, sizeof(*attributes));
}

static int load(const struct plan_bytes *filter) {
  union bpf_attr attributes;
  memset(&attributes, 0, sizeof(attributes));
  attributes.prog_type = BPF_PROG_TYPE_CGROUP_DEVICE;
  attributes.insns = (uint64_t)(uintptr_t)filter->data;
  attributes.insn_cnt = (uint32_t)(filter->length / DEVICE_FILTER_INSTRUCTION);
  /* It calls no function of the kernel, so its licence does not matter, but there must be one. */
  attributes.license = (uint64_t)(uintptr_t)"";
  return call(BPF_PROG_LOAD, &attributes);
}

int device_filter_attach(int dir, const struct plan_bytes *filter, struct rkt_error *err) {
  /* Program descriptors are close-on-exec. */
  cleanup_close int program = load(filter);
  if (program < 0)
    return rkt_fail(err, errno, "loading a device filter");
  union bpf_attr attributes;
  memset(&attributes, 0, sizeof(attributes));
  attributes.target_fd = (uint32_t)dir;
  attributes.attach_bpf_fd = (uint32_t)program;
  attributes.attach_type = BPF_CGROUP_DEVICE;
  /* Filters of the groups above count as well. */
  attributes.attach_flags = BPF_F_ALLOW_MULTI;
  if (call(BPF_PROG_ATTACH, &attributes) < 0)
    return rkt_fail(err, errno, "attaching a device filter to a cgroup");
  return 0;
}
