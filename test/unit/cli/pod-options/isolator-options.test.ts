import { describe, expect, test } from '@jest/globals';
import { OptionSet, reader, takeOption } from '../../../../cli/options.ts';
import { isolatorOptions, isolatorsOf } from '../../../../cli/pod-options/isolator-options.ts';

function isolators(...words: string[]) {
  const options = new OptionSet(isolatorOptions);
  const rest = reader(words);
  for (let word = rest.next(); word !== undefined; word = rest.next())
    takeOption(word, rest, [options], { command: 'run' });
  return isolatorsOf(options.values());
}

describe('options that stand for isolators', () => {
  test.each([
    ['--cpu=750m', 'resource/cpu', { limit: '750m' }],
    ['--memory=128M', 'resource/memory', { limit: '128M' }],
    ['--cpu-shares=512', 'os/linux/cpu-shares', 512],
    ['--pids-limit=100', 'os/linux/pids-limit', 100],
    ['--pids-limit=unlimited', 'os/linux/pids-limit', 'unlimited'],
    ['--oom-score-adj=-5', 'os/linux/oom-score-adj', -5],
    ['--oom-score-adjust=5', 'os/linux/oom-score-adj', 5],
    ['--caps-retain=CAP_NET_RAW,chown', 'os/linux/capabilities-retain-set', { set: ['CAP_NET_RAW', 'CAP_CHOWN'] }],
    ['--caps-remove=cap_mknod', 'os/linux/capabilities-remove-set', { set: ['CAP_MKNOD'] }],
    [
      '--seccomp=mode=remove,errno=ENOTSUP,socket',
      'os/linux/seccomp-remove-set',
      { set: ['socket'], errno: 'ENOTSUP' },
    ],
    ['--seccomp=read,mode=retain,write', 'os/linux/seccomp-retain-set', { set: ['read', 'write'] }],
  ])('%s', (word, name, value) => {
    expect(isolators(word)).toEqual([{ name, value }]);
  });

  test.each([
    ['--cpu=much', '--cpu: must be an amount such as "250m", "0.5", "128M" or "2Gi", is "much"'],
    ['--memory=', '--memory: must be an amount such as "250m", "0.5", "128M" or "2Gi", is ""'],
    ['--cpu-shares=1', '--cpu-shares: must be an integer from 2 to 262144, is 1'],
    ['--pids-limit=none', '--pids-limit: must be an integer from 1 to 4194304, is "none"'],
    ['--oom-score-adj=1001', '--oom-score-adj: must be an integer from -1000 to 1000, is 1001'],
    ['--caps-retain=CAP_FLY', '--caps-retain: there is no capability "CAP_FLY"'],
    ['--caps-remove=,', '--caps-remove: there is no capability ""'],
    ['--seccomp=read', '--seccomp: the mode must be "retain" or "remove"'],
    ['--seccomp=mode=drop,read', '--seccomp: the mode must be "retain" or "remove", is "drop"'],
    ['--seccomp=mode=retain', '--seccomp: no system call is named'],
    ['--seccomp=mode=retain,,read', '--seccomp "mode=retain,,read" has an empty element'],
    ['--seccomp=mode=retain,error=EPERM,read', '--seccomp: there is no parameter "error"'],
    ['--seccomp=mode=retain,errno=1,read', '--seccomp: must be the name of an errno such as "EPERM", is "1"'],
  ])('%s is a mistake', (word, message) => {
    expect(() => isolators(word)).toThrow(expect.objectContaining({ message, code: 'EUSAGE' }));
  });

  test('both capability sets at once are a mistake', () => {
    expect(() => isolators('--caps-retain=CHOWN', '--caps-remove=KILL')).toThrow(
      '--caps-retain and --caps-remove cannot stand together after one image',
    );
  });
});
