/** What is worth its time in a slow machine: everything that asks the kernel for what kernels do differently. */
export const suites: readonly string[] = [
  'test/integration/stage1/',
  'test/integration/netns/',
  'test/integration/native/',
  'test/e2e/isolators',
  'test/e2e/private-users',
  'test/e2e/run.test',
  'test/e2e/volumes',
  'test/e2e/threats/resources',
  'test/e2e/threats/system-calls',
];
