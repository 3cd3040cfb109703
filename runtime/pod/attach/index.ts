// Loaded by `rkt attach` (deploy/bundle.ts).
export { attach, attachableSockets, type Terminals } from './attach.ts';
export { type AttachMode, type Endpoint, endpointsOf, parseMode } from './mode.ts';
