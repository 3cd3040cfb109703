/** The disks of the host, for limits that count for all block devices. */

import { readdirSync, readFileSync } from 'node:fs';
import { errnoOf } from '../../base/errors.ts';

const sysBlock = '/sys/block';

/** In memory or on other disks: what reaches a disk through these counts there. */
const virtual = /^(loop|ram|zram|nbd|fd|sr)\d/;

function read(file: string): string {
  try {
    return readFileSync(file, 'utf8').trim();
  } catch (error) {
    // A device may go while we look.
    if (errnoOf(error) === 'ENOENT' || errnoOf(error) === 'ENODEV') return '';
    throw error;
  }
}

const entries = (dir: string): string[] => {
  try {
    return readdirSync(dir);
  } catch {
    return [];
  }
};

/** `major:minor` of every disk that stands on no other and is not empty. */
export function diskNumbers(): string[] {
  return entries(sysBlock)
    .filter((name) => !virtual.test(name) && entries(`${sysBlock}/${name}/slaves`).length === 0)
    .filter((name) => read(`${sysBlock}/${name}/size`) !== '0')
    .map((name) => read(`${sysBlock}/${name}/dev`))
    .filter((number) => number !== '');
}
