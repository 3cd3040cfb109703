/**
 * Paths below /proc and /sys that tell an app about the host, or let it change the host, although it has a root file system
 * of its own. Missing ones are passed over: which exist depends on the kernel. `--insecure-options=paths` leaves all open.
 */

/** Made inaccessible: kernel memory, keys, addresses, logs and timings. */
export const maskedPaths: readonly string[] = [
  '/proc/acpi',
  '/proc/asound',
  '/proc/config.gz',
  '/proc/kallsyms',
  '/proc/kcore',
  '/proc/keys',
  '/proc/kmsg',
  '/proc/kpagecgroup',
  '/proc/kpagecount',
  '/proc/kpageflags',
  '/proc/latency_stats',
  '/proc/sched_debug',
  '/proc/scsi',
  '/proc/slabinfo',
  '/proc/timer_list',
  '/proc/timer_stats',
  '/proc/vmallocinfo',
  '/sys/devices/virtual/powercap',
  '/sys/firmware',
  '/sys/kernel/debug',
  '/sys/kernel/security',
  '/sys/kernel/tracing',
];

/** Made read-only: settings of the whole host. */
export const readonlyPaths: readonly string[] = [
  '/proc/bus',
  '/proc/fs',
  '/proc/irq',
  '/proc/mtrr',
  '/proc/sys',
  '/proc/sysrq-trigger',
];
