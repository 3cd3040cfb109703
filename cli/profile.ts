/** `--cpuprofile FILE`: what rkt itself spends its time on. A run that ends in stage1 is profiled up to that point. */

import { writeFileSync } from 'node:fs';
import { type Profiler, Session } from 'node:inspector/promises';
import { RktError } from '../runtime/base/errors.ts';

let finish: (() => Promise<void>) | undefined;

/** Runs `run` under V8's profiler and writes the profile. Errors: EPROFILE where the file cannot be written. */
export async function withCpuProfile<T>(file: string, run: () => T | Promise<T>): Promise<T> {
  const session = new Session();
  session.connect();
  await session.post('Profiler.enable');
  await session.post('Profiler.start');
  finish = async () => {
    finish = undefined;
    const { profile } = await session.post('Profiler.stop');
    writeProfile(file, profile);
  };
  try {
    return await run();
  } finally {
    await finishCpuProfile();
  }
}

/** Ends a profile that is being taken; for the moment before the process becomes another program. */
export async function finishCpuProfile(): Promise<void> {
  await finish?.();
}

function writeProfile(file: string, profile: Profiler.Profile): void {
  try {
    writeFileSync(file, JSON.stringify(profile));
  } catch (cause) {
    throw new RktError(`--cpuprofile: cannot write ${file}: ${(cause as Error).message}`, { code: 'EPROFILE', cause });
  }
}
