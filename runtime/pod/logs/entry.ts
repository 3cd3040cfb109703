/**
 * One entry of a log file, as stage1 writes it (native/src/stage1/log-writer.h): Kubernetes' CRI format with a time of fixed width.
 * Pure.
 *
 *     2016-10-06T00:17:09.669794202Z stdout F text
 */

export type OutputStream = 'stdout' | 'stderr';

export interface Entry {
  /** RFC 3339 in UTC with nine digits: sorts as text. */
  readonly time: string;
  readonly stream: OutputStream;
  /** The end of its line; otherwise the next entry of the same stream goes on with it. */
  readonly complete: boolean;
  readonly text: Buffer;
}

const timeLength = 30;
const streamAt = timeLength + 1;
const flagAt = streamAt + 7;
const textAt = flagAt + 2;

const space = 0x20;
const full = 0x46;
const partial = 0x50;
const letterO = 0x6f;
const letterE = 0x65;
const letterZ = 0x5a;

/** What stands between two newlines; undefined where it is no entry, as after a loss of power. */
export function parseEntry(data: Buffer, start: number, end: number): Entry | undefined {
  const flag = data[start + flagAt];
  // "stdout" and "stderr" differ in their fourth letter.
  const letter = data[start + streamAt + 3];
  if (
    end - start < textAt ||
    data[start + timeLength - 1] !== letterZ ||
    data[start + timeLength] !== space ||
    data[start + textAt - 1] !== space ||
    (flag !== full && flag !== partial) ||
    (letter !== letterO && letter !== letterE)
  ) {
    return undefined;
  }
  return {
    time: data.toString('latin1', start, start + timeLength),
    stream: letter === letterO ? 'stdout' : 'stderr',
    complete: flag === full,
    text: data.subarray(start + textAt, end),
  };
}
