import { Agent, request as httpRequest, type IncomingHttpHeaders, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { Metrics } from '../../../metadata-service/metrics.ts';
import { createRegistrationApp } from '../../../metadata-service/registration.ts';
import type { Registry } from '../../../metadata-service/registry.ts';
import { createRegistrationServer } from '../../../metadata-service/server.ts';
import { quiet } from '../../../runtime/base/log.ts';
import { addressOf, createRegistry, FakeHost, registrationOf, uuidOf } from './fixtures.ts';

let host: FakeHost;
let registry: Registry;
let removed: Promise<string>;
let server: Server;
let agents: Agent[];
let rotate: () => Promise<number>;

beforeEach(async () => {
  host = new FakeHost();
  agents = [];
  rotate = async () => 2;
  const { promise, resolve } = Promise.withResolvers<string>();
  removed = promise;
  registry = createRegistry({ isAlive: (pod) => host.isAlive(pod), onRemoved: (pod) => resolve(pod.uuid) });
  server = createRegistrationServer(
    createRegistrationApp({
      registry,
      metrics: new Metrics(),
      log: quiet,
      peerOf: () => host.peerOf(),
      rotateKey: () => rotate(),
      connections: () => 3,
    }),
  );
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
});
afterEach(async () => {
  for (const agent of agents) agent.destroy();
  await new Promise((done) => server.close(done));
});

/** One connection, kept open; `agent.destroy()` closes it. */
function openAgent(): Agent {
  const agent = new Agent({ keepAlive: true, maxSockets: 1 });
  agents.push(agent);
  return agent;
}

interface Answer {
  status: number;
  headers: IncomingHttpHeaders;
  text: string;
}

function ask(method: string, path: string, body?: string, agent = openAgent(), headers: Record<string, string> = {}) {
  return new Promise<Answer>((resolve, reject) => {
    const type =
      body === undefined ? {} : { 'Content-Type': 'application/json', 'Content-Length': Buffer.byteLength(body) };
    const { port } = server.address() as AddressInfo;
    const request = httpRequest({ port, method, path, agent, headers: { ...type, ...headers } }, (response) => {
      let text = '';
      response.on('data', (data) => {
        text += data;
      });
      response.on('end', () => resolve({ status: response.statusCode ?? 0, headers: response.headers, text }));
    });
    request.on('error', reject);
    request.end(body);
  });
}

const register = (n: number, changes: Record<string, unknown> = {}, agent = openAgent()) =>
  ask('POST', '/v1/pods', JSON.stringify(registrationOf(n, changes)), agent);

const codeOf = ({ text }: Answer) => JSON.parse(text).error.code;

describe('POST /v1/pods', () => {
  test('registers for as long as the connection is open', async () => {
    const agent = openAgent();
    const answer = await register(1, {}, agent);
    expect([answer.status, answer.text, answer.headers['content-length']]).toEqual([201, '{}\n', '3']);
    expect(answer.headers).not.toHaveProperty('transfer-encoding');
    expect(registry.byAddress(addressOf(1))).toMatchObject({ uuid: uuidOf(1), process: { startTime: '1' } });
    agent.destroy();
    expect(await removed).toBe(uuidOf(1));
    expect(registry.byAddress(addressOf(1))).toBeUndefined();
  });

  test('a living pod keeps its uuid and address', async () => {
    await register(1);
    expect(await register(1).then((a) => [a.status, codeOf(a)])).toEqual([409, 'uuid_registered']);
    expect(await register(2, { ip: addressOf(1) }).then((a) => [a.status, codeOf(a)])).toEqual([
      409,
      'address_registered',
    ]);
  });

  test('a dead pod gives its address away although its connection is still open', async () => {
    await register(1);
    const [pod] = registry.list();
    host.dead.add(pod?.process.pid ?? 0);
    expect((await register(2, { ip: addressOf(1) })).status).toBe(201);
    expect(await removed).toBe(uuidOf(1));
    expect(registry.byAddress(addressOf(1))?.uuid).toBe(uuidOf(2));
  });

  test('one connection is the lease of one pod', async () => {
    const agent = openAgent();
    await register(1, {}, agent);
    expect(await register(2, {}, agent).then((a) => [a.status, codeOf(a)])).toEqual([409, 'lease_in_use']);
  });

  test('a connection may try again after a refusal', async () => {
    const agent = openAgent();
    await register(1);
    expect((await register(2, { ip: addressOf(1) }, agent)).status).toBe(409);
    expect((await register(2, {}, agent)).status).toBe(201);
  });

  test('a connection that will be closed cannot be a lease', async () => {
    const body = JSON.stringify(registrationOf(1));
    const answer = await ask('POST', '/v1/pods', body, openAgent(), { Connection: 'close' });
    expect([answer.status, codeOf(answer)]).toEqual([400, 'lease_not_kept']);
    expect(registry.size).toBe(0);
  });

  test('says which field is wrong, and why', async () => {
    const answer = await register(1, { ip: 'x' });
    expect(answer.status).toBe(400);
    expect(JSON.parse(answer.text).error).toEqual({
      code: 'invalid_registration',
      message: 'The registration is not valid. registration: ip: must be an IPv4 address of a pod, is "x"',
    });
  });

  test('takes JSON only, and not without end', async () => {
    const text = await ask('POST', '/v1/pods', '{}', openAgent(), { 'Content-Type': 'text/plain' });
    expect([text.status, codeOf(text)]).toEqual([415, 'unsupported_media_type']);
    const large = await ask('POST', '/v1/pods', ' '.repeat(16 * 1024 * 1024 + 1));
    expect([large.status, codeOf(large)]).toEqual([413, 'body_too_large']);
  });
});

describe('who may use the socket', () => {
  test('root only', async () => {
    host.uid = 1000;
    expect(await register(1).then((a) => [a.status, codeOf(a)])).toEqual([403, 'not_root']);
    expect(await ask('GET', '/v1/pods').then((a) => [a.status, codeOf(a)])).toEqual([403, 'not_root']);
  });

  test('not root in a pod', async () => {
    host.isOnHost = false;
    expect(await register(1).then((a) => [a.status, codeOf(a)])).toEqual([403, 'not_on_host']);
  });
});

describe('the other endpoints', () => {
  test('GET /v1/pods lists what is no secret', async () => {
    await register(1, { dir: '/pods/1' });
    const { text } = await ask('GET', '/v1/pods');
    expect(JSON.parse(text)).toEqual({
      pods: [
        {
          uuid: uuidOf(1),
          ip: addressOf(1),
          hostInterface: 'rkt1',
          requireToken: false,
          dir: '/pods/1',
          pid: 101,
          apps: ['worker'],
        },
      ],
    });
  });

  test('DELETE /v1/pods/<uuid> unregisters', async () => {
    await register(1);
    expect((await ask('DELETE', `/v1/pods/${uuidOf(1)}`)).status).toBe(200);
    expect(registry.size).toBe(0);
    const again = await ask('DELETE', `/v1/pods/${uuidOf(1)}`);
    expect([again.status, codeOf(again)]).toEqual([404, 'unknown_pod']);
  });

  test('GET /v1/health, GET /metrics, POST /v1/keys/rotate', async () => {
    await register(1);
    expect(JSON.parse((await ask('GET', '/v1/health')).text)).toEqual({ status: 'ok', pods: 1 });
    const metrics = await ask('GET', '/metrics');
    expect(metrics.headers['content-type']).toBe('text/plain; version=0.0.4; charset=utf-8');
    expect(metrics.text).toContain('rkt_metadata_pods 1\n');
    expect(metrics.text).toContain('rkt_metadata_connections 3\n');
    expect(JSON.parse((await ask('POST', '/v1/keys/rotate')).text)).toEqual({ version: 2 });
  });

  test('a failure is told to root, with its reason', async () => {
    rotate = async () => {
      throw new Error('no space left on device');
    };
    const answer = await ask('POST', '/v1/keys/rotate');
    expect([answer.status, codeOf(answer)]).toEqual([500, 'internal']);
    expect(answer.text).toContain('no space left on device');
  });

  test('nothing else', async () => {
    expect(await ask('GET', '/').then((a) => [a.status, codeOf(a)])).toEqual([404, 'not_found']);
  });
});
