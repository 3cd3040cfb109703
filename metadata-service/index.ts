export type { Host, ProcessWatch } from './host-contract.ts';
export { type MetadataService, type MetadataServiceOptions, startMetadataService } from './service.ts';
export { stopOnSignals } from './signals.ts';
export { takeListenFds } from './socket-activation.ts';
