// Loaded by the commands that wait for pods (deploy/bundle.ts).
export { waitForPod } from './wait.ts';
