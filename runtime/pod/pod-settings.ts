/**
 * What was decided about a pod when it was made and does not stand in its manifest: `settings.json` in the pod's directory.
 * A pod that was prepared always has the file. One that `rkt run` made has it only where something differs from the
 * defaults, so that a plain start writes no file for it.
 */

import { messageOf } from '../base/errors.ts';
import { readOptional, writeWhole } from '../base/files.ts';
import { podFiles } from '../base/paths.ts';
import { damaged } from './damaged.ts';
import { checkPodName } from './pod-name.ts';
import type { IdRange } from './private-users.ts';

export interface PodSettings {
  /** Root filesystems are overlays on the store; otherwise every app has a copy of its own. */
  readonly overlay: boolean;
  /** The pod's name, where the user gave it one. */
  readonly name?: string;
  /** The ids on the host of the pod's users, where those are its own. */
  readonly privateUsers?: IdRange;
}

const defaults: PodSettings = { overlay: true };

const version = 1;

/** Writes the settings; with `always` also where they are the defaults. */
export function writeSettings(dir: string, settings: PodSettings, always: boolean): void {
  const { overlay, name, privateUsers } = settings;
  if (!always && overlay && name === undefined && privateUsers === undefined) return;
  writeWhole(podFiles.settings(dir), `${JSON.stringify({ version, ...settings })}\n`);
}

/** The settings of a pod; undefined where it has none of its own. Errors: EDAMAGED where the file says nothing sensible. */
export function storedSettings(dir: string): PodSettings | undefined {
  const file = podFiles.settings(dir);
  const text = readOptional(file);
  return text === undefined ? undefined : parseSettings(file, text);
}

/** The same, with the defaults where there is no file. */
export const readSettings = (dir: string): PodSettings => storedSettings(dir) ?? defaults;

function parseSettings(file: string, text: string): PodSettings {
  let fields: Partial<Record<string, unknown>> | null;
  try {
    fields = JSON.parse(text) as Partial<Record<string, unknown>> | null;
  } catch (cause) {
    throw damaged(file, messageOf(cause), cause);
  }
  if (fields?.version !== version) throw damaged(file, `version must be ${version}`);
  const { overlay, name, privateUsers } = fields;
  if (typeof overlay !== 'boolean') throw damaged(file, 'overlay must be true or false');
  const reason = name === undefined || typeof name === 'string' ? undefined : 'must be a string';
  const wrong = reason ?? (typeof name === 'string' ? checkPodName(name) : undefined);
  if (wrong !== undefined) throw damaged(file, `name ${wrong}`);
  if (privateUsers !== undefined && !isIdRange(privateUsers)) {
    throw damaged(file, 'privateUsers must be an object with numbers as shift and range');
  }
  return {
    overlay,
    ...(name === undefined ? {} : { name: name as string }),
    ...(privateUsers === undefined ? {} : { privateUsers }),
  };
}

function isIdRange(value: unknown): value is IdRange {
  const { shift, range } = (value ?? {}) as Partial<Record<keyof IdRange, unknown>>;
  return [shift, range].every((number) => Number.isSafeInteger(number) && (number as number) > 0);
}
