import { describe, expect, test } from '@jest/globals';
import { eventsBetween, type SeenApp, type SeenPod, withoutLosses } from '../../../runtime/pod/watch/pod-events.ts';

const now = 1000;
const idle: SeenApp = { started: undefined, finished: undefined, code: undefined, restarted: undefined, restarts: 0 };

const pod = (members: Partial<SeenPod> = {}): SeenPod => ({
  uuid: 'U',
  name: undefined,
  phase: 'run',
  moved: 1,
  exited: false,
  started: undefined,
  ready: undefined,
  apps: new Map(),
  ...members,
});

const words = (before: SeenPod | undefined, after: SeenPod | undefined): string[] =>
  eventsBetween(before, after, now).map(({ time, event, app, code, restarts }) =>
    [time, event, app, code, restarts].filter((part) => part !== undefined).join(' '),
  );

describe('what happened between two looks', () => {
  test('nothing', () => {
    expect(words(undefined, undefined)).toEqual([]);
    expect(words(undefined, pod())).toEqual([]);
    expect(words(pod({ started: 5 }), pod({ started: 5 }))).toEqual([]);
  });

  test('a whole life at once, in its order although all times are the same', () => {
    const apps = new Map([['a', { ...idle, started: 5, finished: 5, code: 3 }]]);
    const after = pod({ phase: 'exited-garbage', moved: 5, exited: true, started: 5, ready: 5, apps });
    expect(words(undefined, after)).toEqual([
      '5 started',
      '5 app-started a',
      '5 ready',
      '5 app-exited a 3',
      '5 exited',
      '5 garbage',
    ]);
  });

  test('prepared, and prepared again after a start that failed', () => {
    expect(words(pod({ phase: 'prepare' }), pod({ phase: 'prepared', moved: 7 }))).toEqual(['7 prepared']);
    expect(words(pod(), pod({ phase: 'prepared', moved: 9 }))).toEqual(['9 prepared']);
  });

  test('an app ends and is started again, twice', () => {
    const first = new Map([['a', { ...idle, started: 1 }]]);
    const second = new Map([['a', { ...idle, started: 6, finished: 4, code: 1, restarted: 5, restarts: 1 }]]);
    const third = new Map([['a', { ...idle, started: 9, finished: 7, code: 2, restarted: 8, restarts: 2 }]]);
    expect(words(pod({ apps: first }), pod({ apps: second }))).toEqual(['4 app-exited a 1', '5 restarted a 1']);
    expect(words(pod({ apps: second }), pod({ apps: third }))).toEqual(['7 app-exited a 2', '8 restarted a 2']);
  });

  test('the end of a pod whose apps nobody saw end is noticed now', () => {
    const apps = new Map([['a', { ...idle, started: 1 }]]);
    expect(words(pod({ apps, started: 1 }), pod({ apps, started: 1, exited: true }))).toEqual(['1000 exited']);
  });

  test('a pod that is gone', () => {
    expect(words(pod({ phase: 'garbage' }), undefined)).toEqual(['1000 removed']);
    expect(words(pod({ phase: 'exited-garbage', exited: true }), undefined)).toEqual(['1000 removed']);
    expect(words(pod({ exited: true }), undefined)).toEqual(['1000 garbage', '1000 removed']);
    expect(words(pod({ phase: 'prepared' }), undefined)).toEqual(['1000 garbage', '1000 removed']);
    expect(words(pod({ started: 5 }), undefined)).toEqual(['1000 exited', '1000 garbage', '1000 removed']);
  });

  test('what was seen stays seen while the files of the pod are removed', () => {
    const apps = new Map([['a', { ...idle, started: 5, finished: 6, code: 1 }]]);
    const whole = pod({ phase: 'exited-garbage', exited: true, started: 5, ready: 5, apps });
    const half = withoutLosses(whole, pod({ phase: 'exited-garbage', exited: true, apps: new Map([['a', idle]]) }));
    expect(half).toEqual(whole);
    expect(words(half, whole)).toEqual([]);
    expect(withoutLosses(whole, pod({ phase: 'prepared' })).started).toBeUndefined();
  });

  test('a start that failed', () => {
    expect(words(pod(), undefined)).toEqual(['1000 removed']);
    expect(words(pod({ phase: 'prepare' }), undefined)).toEqual(['1000 removed']);
  });

  test('all of them carry the pod and its name', () => {
    expect(eventsBetween(undefined, pod({ name: 'web', started: 2 }), now)).toEqual([
      { uuid: 'U', name: 'web', time: 2, event: 'started' },
    ]);
  });
});
