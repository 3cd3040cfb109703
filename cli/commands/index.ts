/** Every command by name. Each is a file of its own, loaded when it is called, some of them together. */

import type { CommandEntry } from '../command.ts';

export const commands: readonly CommandEntry[] = [
  {
    name: 'fetch',
    summary: 'store images for later use',
    load: async () => (await import('./fetch.ts')).command,
  },
  {
    name: 'trust',
    summary: 'trust keys that sign images',
    load: async () => (await import('./trust.ts')).command,
  },
  {
    name: 'image',
    summary: 'list, remove, check, extract and build images',
    load: async () => (await import('./image.ts')).command,
  },
  {
    name: 'run',
    summary: 'run images as a pod',
    load: async () => (await import('./run.ts')).command,
  },
  {
    name: 'prepare',
    summary: 'make a pod that can be run later',
    load: async () => (await import('./prepare.ts')).command,
  },
  {
    name: 'run-prepared',
    summary: 'run a pod that was prepared',
    load: async () => (await import('./run-prepared.ts')).command,
  },
  {
    name: 'enter',
    summary: 'open a shell in a running pod',
    load: async () => (await import('./enter.ts')).command,
  },
  {
    name: 'exec',
    summary: 'run a command in a running pod',
    load: async () => (await import('./exec.ts')).command,
  },
  {
    name: 'list',
    summary: 'list pods',
    load: async () => (await import('../pod-commands.ts')).list,
  },
  {
    name: 'status',
    summary: 'show the state of a pod and the exit codes of its apps',
    load: async () => (await import('../pod-commands.ts')).status,
  },
  {
    name: 'stop',
    summary: 'stop pods',
    load: async () => (await import('../pod-commands.ts')).stop,
  },
  {
    name: 'events',
    summary: 'print what happens to pods as it happens',
    load: async () => (await import('../pod-commands.ts')).events,
  },
  {
    name: 'ps',
    summary: 'list the processes of a pod',
    load: async () => (await import('../pod-commands.ts')).ps,
  },
  {
    name: 'top',
    summary: 'watch the processes of a pod',
    load: async () => (await import('../pod-commands.ts')).top,
  },
  {
    name: 'stats',
    summary: 'show what running pods use of the host',
    load: async () => (await import('../pod-commands.ts')).stats,
  },
  {
    name: 'logs',
    summary: 'print what the apps of a pod have printed',
    load: async () => (await import('../pod-commands.ts')).logs,
  },
  {
    name: 'attach',
    summary: 'attach to the standard streams of a running app',
    load: async () => (await import('../pod-commands.ts')).attach,
  },
  {
    name: 'cat-manifest',
    summary: 'print the manifest of a pod',
    load: async () => (await import('../pod-commands.ts')).catManifest,
  },
  {
    name: 'export',
    summary: 'write what an app has made of its image to an ACI file',
    load: async () => (await import('../pod-commands.ts')).exportPod,
  },
  {
    name: 'rm',
    summary: 'remove pods at once',
    load: async () => (await import('../pod-commands.ts')).rm,
  },
  {
    name: 'gc',
    summary: 'remove pods that have exited',
    load: async () => (await import('../pod-commands.ts')).gc,
  },
  {
    name: 'metadata-service',
    summary: 'serve pods their identity and metadata',
    load: async () => (await import('./metadata-service.ts')).command,
  },
  {
    name: 'completion',
    summary: 'print a script that completes rkt in a shell',
    load: async () => (await import('./completion.ts')).command,
  },
  {
    name: 'version',
    summary: 'print versions',
    load: async () => (await import('./version.ts')).command,
  },
  {
    name: 'help',
    summary: 'show help for rkt or for a command',
    load: async () => (await import('./help.ts')).command,
  },
];
