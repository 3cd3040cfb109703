import { describe, expect, test } from '@jest/globals';
import {
  enterArguments,
  gcArguments,
  type RunArguments,
  runArguments,
  shellCommand,
  stopArguments,
} from '../../../runtime/stage1/stage1-arguments.ts';

const uuid = '6733c088-a507-4694-aabf-aeb7b3e0f3c1';
const everything: RunArguments = {
  uuid,
  debug: true,
  interactive: true,
  token: 'T',
  localConfig: '/etc/rkt',
  privateUsers: { shift: 65536, range: 65536 },
  hostname: 'box',
  allCapabilities: true,
  openPaths: true,
  noSeccomp: true,
  ipc: 'private',
};
const first = [
  '--debug',
  '--net=host',
  '--interactive',
  '--private-users=65536:65536',
  '--mds-token=T',
  '--local-config=/etc/rkt',
];
const third = ['--disable-capabilities-restriction', '--disable-paths', '--disable-seccomp'];
const fourth = '--dns-conf-mode=resolv=default,hosts=default';

describe('arguments', () => {
  test.each([
    [1, first],
    [2, [...first, '--hostname=box']],
    [3, [...first, '--hostname=box', ...third]],
    [4, [...first, '--hostname=box', ...third, fourth]],
    [5, [...first, '--hostname=box', ...third, fourth]],
    [6, [...first, '--hostname=box', ...third, fourth, '--ipc=private']],
  ])('of run in version %i', (version, args) => {
    expect(runArguments(version, everything)).toEqual([...args, uuid]);
  });

  test('of run where nothing was asked for', () => {
    const nothing = { token: undefined, privateUsers: undefined, hostname: undefined, ipc: undefined };
    const off = { debug: false, interactive: false, allCapabilities: false, openPaths: false, noSeccomp: false };
    const args = runArguments(6, { ...everything, ...nothing, ...off });
    expect(args).toEqual(['--net=host', '--local-config=/etc/rkt', fourth, uuid]);
  });

  test('of enter, stop and gc', () => {
    expect(enterArguments({ pid: 7, app: 'web', command: ['/bin/sh', '-c', 'x'] })).toEqual([
      '--pid=7',
      '--appname=web',
      '--',
      '/bin/sh',
      '-c',
      'x',
    ]);
    expect(stopArguments(uuid, false)).toEqual([uuid]);
    expect(stopArguments(uuid, true)).toEqual(['--force', uuid]);
    expect(gcArguments(4, uuid, true, '/etc/rkt')).toEqual(['--debug', uuid]);
    expect(gcArguments(5, uuid, false, '/etc/rkt')).toEqual(['--local-config=/etc/rkt', uuid]);
  });
});

describe('a command with surroundings of its own', () => {
  const command = ['/bin/echo', '--', '-x'];
  const variable = (name: string) => ({ name, value: 'a b=$c' });

  test('is itself where it has none', () => {
    expect(shellCommand(command, [], undefined)).toEqual({ command });
  });

  test('is started by a shell, to which nothing is program text', () => {
    expect(shellCommand(command, [variable('A'), variable('_b1')], '/etc')).toEqual({
      command: [
        '/bin/sh',
        '-c',
        expect.stringContaining('exec "$@"'),
        'sh',
        '/etc',
        'A=a b=$c',
        '_b1=a b=$c',
        '--',
        ...command,
      ],
    });
    expect(shellCommand(command, [variable('A')], undefined)).toEqual({
      command: ['/bin/sh', '-c', expect.any(String), 'sh', '', 'A=a b=$c', '--', ...command],
    });
  });

  test.each(['a.b', '1a', 'a-b', '-p', ''])('cannot have the variable "%s"', (name) => {
    expect(shellCommand(command, [variable('A'), variable(name)], '/etc')).toEqual({ bad: name });
  });
});
