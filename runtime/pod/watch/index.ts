// Loaded by the commands that wait for pods (deploy/bundle.ts).
export { type EventOptions, watchEvents } from './events.ts';
export type { PodEvent } from './pod-events.ts';
export { whenReaderGone } from './reader.ts';
export { waitForPod } from './wait.ts';
