import { beforeAll, describe, expect, test } from '@jest/globals';
import { uuidOf } from '../../unit/metadata-service/fixtures.ts';
import { runScenario } from './run-scenario.ts';

interface Port {
  living: {
    said: string;
    answers: string[];
    tables: string[];
    port: string;
    wildcard: string;
    pastRedirection: string;
  };
  spoofed: string;
  sentAgain: string;
  killed: { tables: string[]; answers: string[] };
  impostors: Record<string, string[]>;
  refused: string;
  tablesAfterRefusal: string[];
  elsewhere: { said: string; answers: string[] };
  restarted: { said: string; answers: string[] };
  stopped: string[];
  seen: string[];
}

const served = [uuidOf(1), uuidOf(2)];
/** What curl says when it timed out: packets are dropped. */
const nothing = ['curl 28', 'curl 28'];
const pods = 'table ip rkt';

describe('a pod on a private network, and one on the host’s', () => {
  let run: Port;
  beforeAll(() => {
    run = runScenario<Port>('port');
  });

  test('are served although a web server listens on port 80 of every address', () => {
    expect(run.living).toEqual({
      said: 'ready',
      answers: served,
      tables: [pods, 'table ip rkt-metadata'],
      port: 'EADDRINUSE',
      wildcard: 'EADDRINUSE',
      pastRedirection: 'curl 28',
    });
  });

  test('cannot be pretended to be by a process on the host’s network that has an address of the pods’', () => {
    expect(run.spoofed).toBe('curl 28');
  });

  test('reach nothing after the service was killed, and the table that led there is gone with it', () => {
    expect(run.killed).toEqual({ tables: [pods], answers: nothing });
  });

  test('are not led to a successor on the port by what the kernel remembers of a redirection', () => {
    expect(run.sentAgain).toBe('curl 28');
  });

  test('are never answered by, nor heard by, whoever listens in the place of a service that was killed', () => {
    expect(run.impostors).toEqual({
      '0.0.0.0:18112': nothing,
      '169.254.169.255:18112': nothing,
      '169.254.169.255:80': nothing,
    });
    expect(run.seen).toEqual(['0.0.0.0:18112 /control', '0.0.0.0:80 /control']);
  });

  test('are served again after a restart, by another port if need be', () => {
    expect(run.refused).toBe(
      'EMETADATALISTEN: cannot start the metadata service: port 18112 of 169.254.169.255 is taken by another program',
    );
    expect(run.tablesAfterRefusal).toEqual([pods]);
    expect(run.elsewhere).toEqual({ said: 'ready', answers: served });
    expect(run.restarted).toEqual({ said: 'ready', answers: served });
    expect(run.stopped).toEqual([pods]);
  });
});
