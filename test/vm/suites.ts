/** What is worth its time in a slow machine: what kernels and control groups do differently, and what needs systemd. */
export const suites: readonly string[] = [
  'test/vm/',
  'test/integration/stage1/(cgroups|enter-stop|failing-start|layers|network|surroundings|userns|volumes).test',
  'test/integration/netns/ports.test',
  'test/e2e/isolators.test',
  'test/e2e/threats/resources.test',
];
