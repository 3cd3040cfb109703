// Loaded by `rkt logs` (deploy/bundle.ts).
export type { OutputStream } from './entry.ts';
export type { AppLine } from './merge.ts';
export { parseMoment } from './moment.ts';
export { type LogOptions, PodLogs } from './pod-logs.ts';
