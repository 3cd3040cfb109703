/** Where commands put what they make, and what others have left there who were killed. */

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { writeOutput } from '../../../runtime/image/manage/output.ts';

let dir: string;
let output: string;

beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'rkt-output-'));
  output = join(dir, 'x.aci');
});
afterEach(() => rmSync(dir, { recursive: true }));

const make = (text: string) => (unfinished: string) => writeFileSync(unfinished, text);

test('it appears whole, and nothing else stays', async () => {
  await writeOutput(output, { overwrite: false }, (unfinished) => {
    expect(readdirSync(dir)).toEqual([expect.stringMatching(/^x\.aci\.unfinished-[0-9a-f]{8}$/)]);
    writeFileSync(unfinished, 'new');
  });
  expect([readdirSync(dir), readFileSync(output, 'utf8')]).toEqual([['x.aci'], 'new']);
});

test('what is there stays unless it is to be replaced', async () => {
  await writeOutput(output, { overwrite: false }, make('old'));
  await expect(writeOutput(output, { overwrite: false }, make('new'))).rejects.toThrow(
    `cannot write ${output}: it exists`,
  );
  await writeOutput(output, { overwrite: true }, (unfinished) => {
    // Until the last moment.
    expect(readFileSync(output, 'utf8')).toBe('old');
    mkdirSync(unfinished);
    writeFileSync(join(unfinished, 'a'), '');
  });
  expect([readdirSync(dir), readdirSync(output)]).toEqual([['x.aci'], ['a']]);
});

test('a failure leaves nothing, and names the output only', async () => {
  const fail = (unfinished: string): void => {
    writeFileSync(unfinished, 'half');
    throw new Error(`no room for ${unfinished}`);
  };
  await expect(writeOutput(output, { overwrite: false }, fail)).rejects.toThrow(
    expect.objectContaining({ code: 'EOUTPUT', message: `cannot write ${output}: no room for ${output}` }),
  );
  expect(readdirSync(dir)).toEqual([]);
  const nowhere = join(dir, 'no', 'x.aci');
  await expect(writeOutput(nowhere, { overwrite: false }, make('x'))).rejects.toThrow(
    expect.objectContaining({ code: 'EOUTPUT', message: expect.stringContaining(`cannot write ${nowhere}: `) }),
  );
});

test.each(['/', '.', '..', 'sub/..'])('%j is no output, whatever is to be overwritten', async (output) => {
  await expect(writeOutput(output, { overwrite: true }, make('x'))).rejects.toThrow(
    `cannot write ${output}: it is no name for something new`,
  );
});

test('a file takes the place of no directory', async () => {
  const output = join(dir, 'out');
  mkdirSync(join(output, 'kept'), { recursive: true });
  await expect(writeOutput(output, { overwrite: true }, make('x'))).rejects.toThrow(
    `cannot write ${output}: it is a directory`,
  );
  expect(readdirSync(output)).toEqual(['kept']);
});

test('what somebody has left who was killed goes, what somebody is at stays, and so does what only looks alike', async () => {
  const place = (name: string, mode = 0o700, file = 'unfinished'): string => {
    mkdirSync(join(dir, name), { mode });
    writeFileSync(join(dir, name, file), 'half');
    return join(dir, name);
  };
  place('x.aci.unfinished-0000dead');
  const live = place('x.aci.unfinished-0000feed');
  place('y.aci.unfinished-0000dead');
  place('x.aci.unfinished-mine');
  place('x.aci.unfinished-00000001', 0o755);
  place('x.aci.unfinished-00000002', 0o700, 'notes');
  writeFileSync(join(dir, 'x.aci.unfinished-00000003'), 'of somebody');
  const holder = spawn('flock', [live, 'sh', '-c', 'echo held; read line'], {
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  await once(holder.stdout, 'data');
  await writeOutput(output, { overwrite: false }, make('new'));
  expect(readdirSync(dirname(output)).sort()).toEqual([
    'x.aci',
    'x.aci.unfinished-00000001',
    'x.aci.unfinished-00000002',
    'x.aci.unfinished-00000003',
    'x.aci.unfinished-0000feed',
    'x.aci.unfinished-mine',
    'y.aci.unfinished-0000dead',
  ]);
  holder.stdin.end('\n');
  await once(holder, 'exit');
});
