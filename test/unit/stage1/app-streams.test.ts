import { describe, expect, test } from '@jest/globals';
import { planStreamsOf } from '../../../runtime/stage1/app-streams.ts';
import type { PreparedApp } from '../../../runtime/stage1/prepared-app.ts';

const app = (annotations: Record<string, string>): PreparedApp =>
  ({
    name: 'web',
    manifest: {
      annotations: Object.entries(annotations).map(([stream, value]) => ({
        name: `coreos.com/rkt/app/${stream}`,
        value,
      })),
    },
  }) as PreparedApp;

describe('the streams of an app', () => {
  test('are those of the pod unless its annotations say otherwise', () => {
    expect(planStreamsOf(app({}), true)).toEqual({});
    expect(planStreamsOf(app({ stdin: 'stream', stdout: 'log', stderr: 'null' }), true)).toEqual({
      stdin: 'attachable',
      stdout: 'pod',
      stderr: 'null',
    });
    expect(planStreamsOf(app({ stdin: 'tty', stdout: 'tty', stderr: 'tty' }), true)).toEqual({
      stdin: 'terminal',
      stdout: 'terminal',
      stderr: 'terminal',
    });
  });

  test('of one of several reads nothing unless it is said to', () => {
    expect(planStreamsOf(app({}), false)).toEqual({ stdin: 'null' });
    expect(planStreamsOf(app({ stdin: 'inherit' }), false)).toEqual({ stdin: 'pod' });
  });

  test('cannot be anything', () => {
    expect(() => planStreamsOf(app({ stdout: 'inherit' }), true)).toThrow(
      expect.objectContaining({
        code: 'EANNOTATION',
        message: 'app "web": annotation coreos.com/rkt/app/stdout is "inherit"',
        hint: 'it must be one of null, log, stream, tty',
      }),
    );
  });
});
