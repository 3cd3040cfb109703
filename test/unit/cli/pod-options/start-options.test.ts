import { describe, expect, test } from '@jest/globals';
import type { Context } from '../../../../cli/context.ts';
import { OptionSet, reader, takeOption } from '../../../../cli/options.ts';
import { startOptions, startOptionsOf } from '../../../../cli/pod-options/start-options.ts';
import type { PlanSettings } from '../../../../runtime/stage1/launch.ts';

async function settings(...words: string[]): Promise<PlanSettings> {
  const set = new OptionSet(startOptions);
  const rest = reader(words);
  for (let word = rest.next(); word !== undefined; word = rest.next())
    takeOption(word, rest, [set], { command: 'run' });
  const context = { globals: { insecure: new Set(), debug: false }, env: {} } as unknown as Context;
  return (await startOptionsOf(context, set.values(), () => undefined)).settings;
}

describe('how long a pod in the background may take until it is ready', () => {
  test.each([
    [['--detach'], { detached: true, readyTimeoutMs: 90_000 }],
    [['--detach', '--ready-timeout=1m30.5s'], { detached: true, readyTimeoutMs: 90_500 }],
    // No limit: see the launch plan.
    [['--detach', '--ready-timeout=0'], { detached: true, readyTimeoutMs: 0 }],
    [[], { detached: false }],
  ])('%j', async (words, { readyTimeoutMs, detached }: { readyTimeoutMs?: number; detached: boolean }) => {
    const made = await settings(...words);
    expect([made.detached, made.readyTimeoutMs]).toEqual([detached, readyTimeoutMs]);
  });
});
