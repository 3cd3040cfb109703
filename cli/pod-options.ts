/**
 * The options of a pod, in three groups: what decides about its making (`run` and `prepare`), about its start (`run` and
 * `run-prepared`), and about one app (after an image). Each is declared once, and read there into what runtime/ takes.
 */

export { imageOptions } from './pod-options/image-options.ts';
export { makeOptionsOf, prepareOptions, requireImages } from './pod-options/prepare-options.ts';
export {
  startOptions,
  startOptionsOf,
  timeoutMsOf,
} from './pod-options/start-options.ts';
