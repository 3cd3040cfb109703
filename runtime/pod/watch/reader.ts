import { fstatSync } from 'node:fs';
import { native } from '../../../native/index.ts';

/**
 * Calls `gone` when nobody can read any more what is written to a pipe. Does nothing for what is no pipe. The returned function ends
 * the watch.
 */
export function whenReaderGone(fd: number, gone: () => void): () => void {
  if (!fstatSync(fd).isFIFO()) return () => {};
  // The write end of a pipe is never readable; that it has lost its readers is told to whoever asks for anything.
  const { ended, cancel } = native.watchPidfd(fd);
  ended.then(
    (happened) => {
      if (happened) gone();
    },
    () => {},
  );
  return cancel;
}
