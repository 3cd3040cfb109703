export { assignSockets } from './assign.ts';
export type { PodSockets } from './pod-sockets.ts';
