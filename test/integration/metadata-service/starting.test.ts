import { beforeAll, describe, expect, test } from '@jest/globals';
import { runScenario } from './run-scenario.ts';

interface Starting {
  said: string[];
  leftBehind: boolean;
  owner: string;
  afterThird: { address: boolean; socket: boolean };
  idleStatus: number;
  viaSystemd: { said: string; address: boolean };
  socketStays: boolean;
}

describe('starting the service', () => {
  let run: Starting;
  beforeAll(() => {
    run = runScenario<Starting>('starting');
  });

  test('is refused while another runs, whichever of socket and database they share', () => {
    expect(run.said[0]).toBe('ready');
    expect(run.said[1]).toBe(
      'EMETADATARUNNING: cannot start the metadata service: it is already running, /run/rkt/metadata-svc.sock is being served',
    );
    expect(run.said[2]).toMatch(
      /^EMETADATADB: cannot start the metadata service: its database in \S+ is in use by another process$/,
    );
  });

  test('replaces what a killed service left behind, and takes it away at the end', () => {
    expect([run.leftBehind, run.said[3], run.owner]).toEqual([true, 'ready', 'unknown_caller']);
    expect(run.afterThird).toEqual({ address: false, socket: false });
  });

  test('until idle, it ends with the last pod', () => {
    expect([run.said[4], run.idleStatus]).toEqual(['ready', 0]);
  });

  test('takes its socket from systemd and leaves it there', () => {
    expect(run.viaSystemd).toEqual({ said: 'ready', address: true });
    expect(run.socketStays).toBe(true);
  });
});
