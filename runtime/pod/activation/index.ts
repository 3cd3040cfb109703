export { assignSockets } from './assign.ts';
