/** `--cpuprofile FILE`: what rkt itself spends its time on. A run that ends in stage1 is profiled up to that point. */

import { writeFileSync } from 'node:fs';
import { type Profiler, Session } from 'node:inspector/promises';
import { RktError } from '../runtime/base/errors.ts';

/**
 * Starts V8's profiler. Returns what stops it and writes the profile, once however often it is called.
 * Errors: EPROFILE where the file cannot be written.
 */
export async function startCpuProfile(file: string): Promise<() => Promise<void>> {
  const session = new Session();
  session.connect();
  await session.post('Profiler.enable');
  // In microseconds; the whole of a start is some ten thousand.
  await session.post('Profiler.setSamplingInterval', { interval: 50 });
  await session.post('Profiler.start');
  let finished: Promise<void> | undefined;
  return () => {
    finished ??= session.post('Profiler.stop').then(({ profile }) => writeProfile(file, profile));
    return finished;
  };
}

function writeProfile(file: string, profile: Profiler.Profile): void {
  try {
    writeFileSync(file, JSON.stringify(profile));
  } catch (cause) {
    throw new RktError(`--cpuprofile: cannot write ${file}: ${(cause as Error).message}`, { code: 'EPROFILE', cause });
  }
}
