import { describe, expect, test } from '@jest/globals';
import { parseSignal } from '../../../runtime/appc/stop-signal.ts';
import { parseRestart, planLife } from '../../../runtime/stage1/app-life.ts';
import type { PreparedApp } from '../../../runtime/stage1/prepared-app.ts';

type Annotations = Readonly<Record<string, string>>;

const restart = 'coreos.com/rkt/app/restart';
const stopSignal = 'coreos.com/rkt/app/stop-signal';
const notify = 'appc.io/executor/supports-systemd-notify';

function life(app: Annotations, image: Annotations = {}) {
  const list = (annotations: Annotations) => Object.entries(annotations).map(([name, value]) => ({ name, value }));
  return planLife({
    name: 'web',
    manifest: { annotations: list(app) },
    image: { manifest: { annotations: list(image) } },
  } as unknown as PreparedApp);
}

describe('restart policies', () => {
  test.each([
    ['no', { policy: 'no' }],
    ['always', { policy: 'always' }],
    ['on-failure', { policy: 'on-failure' }],
    ['on-failure:1', { policy: 'on-failure', limit: 1 }],
    ['on-failure:4294967295', { policy: 'on-failure', limit: 4294967295 }],
  ])('%s', (text, policy) => {
    expect(parseRestart(text)).toEqual(policy);
  });

  test.each([
    '',
    'yes',
    'No',
    'on-failure:',
    'on-failure:0',
    'on-failure:-1',
    'on-failure:4294967296',
    'always:1',
    'toString',
  ])('"%s" is none', (text) => {
    expect(parseRestart(text)).toBeUndefined();
  });
});

describe('signals', () => {
  test.each([
    ['SIGTERM', 15],
    ['quit', 3],
    ['SigUsr1', 10],
    ['9', 9],
    ['64', 64],
    ['SIGRTMIN', 34],
    ['RTMIN+3', 37],
    ['SIGRTMAX-1', 63],
  ])('%s is %i', (text, number) => {
    expect(parseSignal(text)).toBe(number);
  });

  test.each(['', '0', '65', '-1', 'SIG', 'SIGNOPE', 'SIGRTMIN-1', 'SIGRTMAX+1', 'SIGRTMIN+', '1.5', 'SIGtoString'])(
    '"%s" is none',
    (text) => {
      expect(parseSignal(text)).toBeUndefined();
    },
  );
});

describe('annotations', () => {
  test('say nothing where there are none', () => {
    expect(life({})).toEqual({});
    expect(life({ [restart]: 'no' })).toEqual({});
  });

  test('of the app', () => {
    expect(life({ [restart]: 'on-failure:2', [stopSignal]: 'SIGQUIT', [notify]: 'true' })).toEqual({
      restart: { policy: 'on-failure', limit: 2 },
      stopSignal: 3,
      notify: true,
    });
  });

  test('of the image, but for the restart policy, which is not the image’s to decide', () => {
    const image = { [restart]: 'always', [stopSignal]: '10', [notify]: '1' };
    expect(life({}, image)).toEqual({ stopSignal: 10, notify: true });
    expect(life({ [stopSignal]: '12', [notify]: 'false' }, image)).toEqual({ stopSignal: 12 });
  });

  test.each(['yes', 'TRue', '', 'on'])('%j is no truth, as in rkt', (value) => {
    expect(life({ [notify]: value })).toEqual({});
  });

  test.each([
    [restart, 'sometimes'],
    [stopSignal, 'SIGNOPE'],
  ])('%s that makes no sense', (name, value) => {
    expect(() => life({ [name]: value })).toThrow(`app "web": annotation ${name} is "${value}"`);
  });
});
