import { existsSync, lstatSync, mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import {
  type MetadataService,
  type MetadataServiceOptions,
  startMetadataService,
} from '../../../metadata-service/index.ts';
import { openStore } from '../../../metadata-service/store.ts';
import { quiet } from '../../../runtime/base/log.ts';
import { FakeHost, recordOf, uuidOf } from './fixtures.ts';

let root: string;
let host: FakeHost;
let options: MetadataServiceOptions;
let running: MetadataService[];

beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'rkt-service-'));
  host = new FakeHost();
  running = [];
  options = {
    dataDir: root,
    socketPath: join(root, 'run', 'metadata-svc.sock'),
    address: '127.0.0.1',
    listenPort: 0,
    requireToken: false,
    untilIdle: false,
    log: quiet,
    host,
  };
});
afterEach(async () => {
  for (const service of running) await service.close();
  rmSync(root, { recursive: true, force: true });
});

async function start(changes: Partial<MetadataServiceOptions> = {}): Promise<MetadataService> {
  const service = await startMetadataService({ ...options, ...changes });
  running.push(service);
  return service;
}

/** What the database has when no service runs. */
async function storedPods(): Promise<string[]> {
  const { store, state } = await openStore(join(root, 'metadata-service'), quiet);
  await store.close();
  return state.pods.map(({ uuid }) => uuid);
}

async function storePods(...numbers: number[]): Promise<void> {
  const { store } = await openStore(join(root, 'metadata-service'), quiet);
  for (const n of numbers) await store.putPod(recordOf(n));
  await store.close();
}

describe('startMetadataService', () => {
  test('guards the address before it adds it, and takes everything back', async () => {
    const service = await start({ notify: true });
    expect(lstatSync(options.socketPath).isSocket()).toBe(true);
    expect(statSync(options.socketPath).mode & 0o777).toBe(0o600);
    expect(statSync(join(root, 'run')).mode & 0o777).toBe(0o755);
    await service.close();
    await service.done;
    expect(host.calls).toEqual(['guard', 'add 127.0.0.1', 'lead', 'ready', 'no lead', 'remove 127.0.0.1', 'unguard']);
    expect(existsSync(options.socketPath)).toBe(false);
    expect(existsSync(join(root, 'run', 'metadata-address'))).toBe(false);
  });

  test('leaves an address that the administrator had added', async () => {
    host.addressWasThere = true;
    const service = await start();
    expect(readFileSync(join(root, 'run', 'metadata-address'), 'utf8')).toBe('127.0.0.1 theirs\n');
    await service.close();
    expect(host.calls).toEqual(['guard', 'add 127.0.0.1', 'lead', 'no lead', 'unguard']);
  });

  test('takes over the address of a service that was killed', async () => {
    mkdirSync(join(root, 'run'));
    writeFileSync(join(root, 'run', 'metadata-address'), '127.0.0.1 ours\n');
    host.addressWasThere = true;
    await (await start()).close();
    expect(host.calls).toEqual(['guard', 'add 127.0.0.1', 'lead', 'no lead', 'remove 127.0.0.1', 'unguard']);
  });

  test('says that it is already running, and leaves the other alone', async () => {
    await start();
    await expect(start({ dataDir: join(root, 'other') })).rejects.toMatchObject({
      code: 'EMETADATARUNNING',
      message: `cannot start the metadata service: it is already running, ${options.socketPath} is being served`,
    });
    expect(lstatSync(options.socketPath).isSocket()).toBe(true);
  });

  test('says that it is already running where another has the note, which is then not touched', async () => {
    mkdirSync(join(root, 'run'));
    const path = join(root, 'run', 'metadata-address');
    const note = host.lockNote(path);
    note?.write('127.0.0.1', true);
    await expect(start()).rejects.toMatchObject({
      code: 'EMETADATARUNNING',
      message: `cannot start the metadata service: it is already running, ${path} is locked`,
    });
    expect(readFileSync(path, 'utf8')).toBe('127.0.0.1 ours\n');
    note?.remove();
  });

  test('says that the database is in use', async () => {
    await start();
    await expect(start({ socketPath: join(root, 'other.sock') })).rejects.toMatchObject({ code: 'EMETADATADB' });
  });

  test('says that the port is taken, and undoes what it had done', async () => {
    const other: Server = createServer();
    await new Promise<void>((resolve) => other.listen(0, '127.0.0.1', resolve));
    const { port } = other.address() as { port: number };
    try {
      await expect(start({ listenPort: port })).rejects.toMatchObject({
        code: 'EMETADATALISTEN',
        message: `cannot start the metadata service: port ${port} of 127.0.0.1 is taken by another program`,
        hint: `find it by \`ss -ltnp "sport = :${port}"\`, or choose another port with --listen-port`,
      });
    } finally {
      other.close();
    }
    expect(host.calls).toEqual(['guard', 'add 127.0.0.1', 'remove 127.0.0.1', 'unguard']);
    expect(await storedPods()).toEqual([]);
  });

  test('does not remove a file that is no socket', async () => {
    mkdirSync(join(root, 'run'));
    writeFileSync(options.socketPath, 'precious');
    await expect(start()).rejects.toMatchObject({
      code: 'EMETADATALISTEN',
      message: expect.stringContaining('there is a file of that name that is not a socket'),
    });
    expect(existsSync(options.socketPath)).toBe(true);
  });
});

describe('after a restart', () => {
  test('serves the pods that live, and forgets the others', async () => {
    await storePods(1, 2, 3);
    host.dead.add(recordOf(2).process.pid);
    const service = await start();
    expect(Array.from(host.watches.keys())).toEqual([recordOf(1).process.pid, recordOf(3).process.pid]);
    await service.close();
    expect(await storedPods()).toEqual([uuidOf(1), uuidOf(3)]);
  });

  test('forgets a pod when its process ends', async () => {
    await storePods(1);
    const service = await start({ untilIdle: true });
    host.watches.get(recordOf(1).process.pid)?.();
    await service.done;
    expect(await storedPods()).toEqual([]);
  });

  test('keeps the pods when the service is stopped', async () => {
    await storePods(1);
    const service = await start();
    await service.close();
    host.watches.get(recordOf(1).process.pid)?.();
    await service.done;
    expect(await storedPods()).toEqual([uuidOf(1)]);
  });

  test('a record of a pod that cannot be told alive or dead is kept for the next time', async () => {
    await storePods(1);
    host.isAlive = () => {
      throw new Error('input/output error');
    };
    const warnings: string[] = [];
    await (await start({ log: { ...quiet, warn: (line) => warnings.push(line) } })).close();
    expect(warnings).toEqual([`metadata service: pod ${uuidOf(1)} is not served again: input/output error`]);
    expect(await storedPods()).toEqual([uuidOf(1)]);
  });
});
