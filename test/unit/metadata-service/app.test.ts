import { createServer, type Server } from 'node:http';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import request from 'supertest';
import { createPodApp, type PodAppOptions } from '../../../metadata-service/app.ts';
import { createKey, Identity } from '../../../metadata-service/identity.ts';
import { Metrics } from '../../../metadata-service/metrics.ts';
import type { Registry } from '../../../metadata-service/registry.ts';
import { quiet } from '../../../runtime/base/log.ts';
import {
  createRegistry,
  frozenRate,
  imageId,
  imageManifest,
  limitsWith,
  podManifestOf,
  recordOf,
  TestLease,
  tokenOf,
  uuidOf,
} from './fixtures.ts';

const v1 = '/acMetadata/v1';
const withToken = `/${tokenOf(1)}${v1}`;
const plain = 'text/plain; charset=us-ascii';
const limits = limitsWith({ bodyBytes: 1024, requestBurst: 100_000, requestsPerSecond: 100_000 });

let registry: Registry;
const servers: Server[] = [];

/** Pod 1 asks from 127.0.0.1, where supertest's requests come from; pod 2 is elsewhere, pod 3 has no address. */
async function serve(changes: Partial<PodAppOptions> = {}): Promise<Server> {
  const app = createPodApp({
    pods: registry,
    identity: new Identity([createKey([])]),
    limits,
    rate: frozenRate({ requestBurst: 100_000 }),
    metrics: new Metrics(),
    log: quiet,
    hosts: new Set(['169.254.169.255', '169.254.169.255:80']),
    requireToken: false,
    now: () => performance.now(),
    ...changes,
  });
  const server = createServer({ requireHostHeader: false }, app);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  servers.push(server);
  return server;
}

let server: Server;

beforeAll(async () => {
  registry = createRegistry();
  await registry.register(recordOf(1, { ip: '127.0.0.1' }), new TestLease());
  await registry.register(recordOf(2), new TestLease());
  const { ip: _, ...onHostNetwork } = recordOf(3);
  await registry.register(onHostNetwork, new TestLease());
  server = await serve();
});
afterAll(() => {
  for (const each of servers) each.close();
});

type Method = 'get' | 'head' | 'post' | 'put' | 'delete' | 'options' | 'patch';
const ask = (method: Method, path: string, to = server) => request(to)[method](path).set('Host', '169.254.169.255');
const postForm = (path: string, form: string) =>
  ask('post', path).set('Content-Type', 'application/x-www-form-urlencoded').send(form);

/** The code of the error in a response, after a look at its form. */
function codeOf(response: {
  headers: Record<string, string>;
  body: { error?: { code?: string } };
}): string | undefined {
  expect(response.headers['content-type']).toBe('application/json');
  expect(response.headers['cache-control']).toBe('no-store');
  return response.body.error?.code;
}

describe('reading', () => {
  const mergedAnnotations = [
    { name: 'created', value: '2026-01-02T03:04:05Z' },
    { name: 'example.com/tier', value: 'pod' },
    { name: 'example.com/pod', value: '1' },
  ];

  test.each([
    ['/pod/uuid', plain, uuidOf(1)],
    ['/pod/manifest', 'application/json', podManifestOf(1)],
    ['/pod/annotations', 'application/json', '[{"name":"ip-address","value":"10.28.0.1"}]'],
    ['/apps/worker/annotations', 'application/json', JSON.stringify(mergedAnnotations)],
    ['/apps/worker/image/manifest', 'application/json', imageManifest],
    ['/apps/worker/image/id', plain, imageId],
  ])('GET %s, with and without the token', async (path, contentType, body) => {
    for (const prefix of [v1, withToken]) {
      const response = await ask('get', prefix + path)
        .buffer(true)
        .parse((res, done) => {
          const chunks: Buffer[] = [];
          res.on('data', (chunk: Buffer) => chunks.push(chunk));
          res.on('end', () => done(null, Buffer.concat(chunks).toString()));
        });
      expect(response.status).toBe(200);
      expect(response.headers['content-type']).toBe(contentType);
      expect(response.body).toBe(body);
    }
  });

  test('sends nothing that tells or keeps more than the answer', async () => {
    const { headers } = await ask('get', `${v1}/pod/uuid`);
    expect(headers).toMatchObject({ 'cache-control': 'no-store', 'x-content-type-options': 'nosniff' });
    for (const name of ['etag', 'x-powered-by', 'access-control-allow-origin'])
      expect(headers).not.toHaveProperty(name);
  });

  test('HEAD has the headers of GET and no body', async () => {
    const response = await ask('head', `${v1}/pod/uuid`);
    expect([response.status, response.headers['content-length'], response.text]).toEqual([200, '36', undefined]);
  });

  test('an app that the pod does not have', async () => {
    const response = await ask('get', `${v1}/apps/nobody/image/id`);
    expect([response.status, codeOf(response)]).toEqual([404, 'unknown_app']);
  });

  test.each([
    '/',
    '/acMetadata',
    v1,
    `${v1}/pod`,
    `${v1}/POD/uuid`,
    `${v1}/apps`,
    `${v1}/apps/worker`,
    `${v1}/apps/worker/image`,
    `/acMetadata/v2/pod/uuid`,
    `/acmetadata/v1/pod/uuid`,
    `/x${v1}/pod/uuid`,
    `${withToken}/pod/uuid/x`,
    `/${tokenOf(1)}${withToken}/pod/uuid`,
  ])('nothing at %s', async (path) => {
    const response = await ask('get', path);
    expect([response.status, codeOf(response)]).toEqual([404, 'not_found']);
  });
});

describe('signing and verifying', () => {
  const sign = async (form: string) => {
    const response = await postForm(`${withToken}/pod/hmac/sign`, form);
    expect([response.status, response.headers['content-type']]).toEqual([200, plain]);
    return response.text;
  };
  const verify = (fields: Record<string, string>) =>
    postForm(`${withToken}/pod/hmac/verify`, new URLSearchParams(fields).toString());

  test('a signature verifies for its content and uuid only', async () => {
    const signature = await sign('content=a+b%26c');
    const right = { content: 'a b&c', uuid: uuidOf(1), signature };
    const ok = await verify(right);
    expect([ok.status, ok.headers['content-type'], ok.text]).toEqual([200, plain, 'The signature is valid.\n']);
    const wrong = [
      { ...right, content: 'a b&d' },
      { ...right, uuid: uuidOf(2) },
      { ...right, uuid: 'nobody' },
      { ...right, signature: '' },
      { ...right, signature: `${signature}AAAA` },
    ];
    for (const fields of wrong) {
      const refused = await verify(fields);
      expect([refused.status, refused.headers['content-type'], refused.text]).toEqual([
        403,
        plain,
        'The signature is not valid.\n',
      ]);
    }
  });

  test('contents that differ only in bytes that are not UTF-8 have different signatures', async () => {
    expect(await sign('content=%ff')).not.toBe(await sign('content=%fe'));
  });

  test('an empty content is a content', async () => {
    const signature = await sign('content=');
    expect((await verify({ content: '', uuid: uuidOf(1), signature })).status).toBe(200);
  });

  test.each([
    ['sign', '', 'missing_field'],
    ['sign', 'contents=a', 'missing_field'],
    ['sign', 'content=%zz', 'bad_form'],
    ['sign', 'content=a&content=b', 'bad_form'],
    ['verify', 'content=a&uuid=b', 'missing_field'],
    ['verify', 'content=a&signature=b', 'missing_field'],
    ['verify', 'uuid=a&signature=b', 'missing_field'],
  ])('%s of %j is %s', async (endpoint, form, code) => {
    const response = await postForm(`${withToken}/pod/hmac/${endpoint}`, form);
    expect([response.status, codeOf(response)]).toEqual([400, code]);
  });

  test.each(['text/plain', 'multipart/form-data; boundary=x', 'application/json'])('%s is no form', async (type) => {
    const response = await ask('post', `${withToken}/pod/hmac/sign`).set('Content-Type', type).send('content=a');
    expect([response.status, codeOf(response)]).toEqual([415, 'unsupported_media_type']);
  });

  test('a compressed form is not unpacked', async () => {
    const response = await postForm(`${withToken}/pod/hmac/sign`, 'content=a').set('Content-Encoding', 'gzip');
    expect([response.status, codeOf(response)]).toEqual([415, 'unsupported_media_type']);
  });

  test('a content type with parameters is fine', async () => {
    const response = await ask('post', `${withToken}/pod/hmac/sign`)
      .set('Content-Type', 'application/x-www-form-urlencoded; charset=UTF-8')
      .send('content=a');
    expect(response.status).toBe(200);
  });

  test('a body over the limit is refused, one at the limit is not', async () => {
    const path = `${withToken}/pod/hmac/sign`;
    expect((await postForm(path, `content=${'a'.repeat(1016)}`)).status).toBe(200);
    const response = await postForm(path, `content=${'a'.repeat(1017)}`);
    expect([response.status, codeOf(response)]).toEqual([413, 'body_too_large']);
    expect(response.headers.connection).toBe('close');
  });

  test('needs the token', async () => {
    for (const endpoint of ['sign', 'verify']) {
      const response = await postForm(`${v1}/pod/hmac/${endpoint}`, 'content=a');
      expect([response.status, codeOf(response)]).toEqual([403, 'token_required']);
    }
  });
});

describe('methods', () => {
  test.each<[Method, string, string]>([
    ['post', `${v1}/pod/uuid`, 'GET, HEAD'],
    ['put', `${v1}/pod/manifest`, 'GET, HEAD'],
    ['delete', `${v1}/apps/worker/image/id`, 'GET, HEAD'],
    ['options', `${v1}/pod/uuid`, 'GET, HEAD'],
    ['get', `${withToken}/pod/hmac/sign`, 'POST'],
    ['patch', `${withToken}/pod/hmac/verify`, 'POST'],
    ['options', `${withToken}/pod/hmac/sign`, 'POST'],
  ])('%s %s is not allowed', async (method, path, allow) => {
    const response = await ask(method, path);
    expect([response.status, codeOf(response), response.headers.allow]).toEqual([405, 'method_not_allowed', allow]);
  });
});

describe('identity', () => {
  test('a token that is wrong is refused although the address is known', async () => {
    const paths: [string, string][] = [
      [`/${tokenOf(99)}${v1}/pod/uuid`, 'unknown_token'],
      [`/${tokenOf(2)}${v1}/pod/uuid`, 'token_mismatch'],
      [`/${tokenOf(3)}${v1}/pod/uuid`, 'token_mismatch'],
    ];
    for (const [path, code] of paths) {
      const response = await ask('get', path);
      expect([response.status, codeOf(response), response.headers.connection]).toEqual([403, code, 'close']);
    }
  });

  test('an address of nobody learns nothing, not even which paths there are', async () => {
    const elsewhere = await serve({ pods: createRegistry() });
    for (const path of [`${v1}/pod/uuid`, '/nothing']) {
      const response = await ask('get', path, elsewhere);
      expect([response.status, codeOf(response), response.headers.connection]).toEqual([
        403,
        'unknown_caller',
        'close',
      ]);
    }
  });

  test('a service that insists on tokens refuses the bare path', async () => {
    const strict = await serve({ requireToken: true });
    const response = await ask('get', `${v1}/pod/uuid`, strict);
    expect([response.status, codeOf(response)]).toEqual([403, 'token_required']);
    expect((await ask('get', `${withToken}/pod/uuid`, strict)).status).toBe(200);
  });
});

describe('limits', () => {
  test('too many requests get 429 and a time to wait', async () => {
    const limited = await serve({ rate: frozenRate({ requestBurst: 2, requestsPerSecond: 0.1 }) });
    const statuses: number[] = [];
    for (let i = 0; i < 2; i += 1) statuses.push((await ask('get', `${v1}/pod/uuid`, limited)).status);
    const response = await ask('get', `${v1}/pod/uuid`, limited);
    expect([...statuses, response.status, codeOf(response)]).toEqual([200, 200, 429, 'rate_limited']);
    expect(response.headers).toMatchObject({ 'retry-after': '10', connection: 'close' });
  });

  test('guessing tokens uses up the allowance of the pod that guesses', async () => {
    const limited = await serve({ rate: frozenRate({ requestBurst: 2 }) });
    for (let i = 0; i < 2; i += 1) await ask('get', `/${tokenOf(50 + i)}${v1}/pod/uuid`, limited);
    expect((await ask('get', `${v1}/pod/uuid`, limited)).status).toBe(429);
  });
});

test('a fault of the service is answered without its details, and logged', async () => {
  const warnings: string[] = [];
  const pods = {
    byAddress: () => {
      throw new Error('secret detail');
    },
    byTokenHash: () => undefined,
  };
  const broken = await serve({ pods, log: { ...quiet, warn: (line) => warnings.push(line) } });
  const response = await ask('get', `${v1}/pod/uuid`, broken);
  expect([response.status, codeOf(response)]).toEqual([500, 'internal']);
  expect(response.text).not.toContain('secret');
  expect(warnings).toEqual(['metadata service: GET failed: secret detail']);
});

test('every request is counted under its endpoint', async () => {
  const metrics = new Metrics();
  const counted = await serve({ metrics });
  await ask('get', `${v1}/pod/uuid`, counted);
  await ask('get', `${v1}/apps/nobody/image/id`, counted);
  await ask('get', `${v1}/nothing`, counted);
  const text = metrics.render({ pods: 0, connections: 0 });
  expect(text).toContain('rkt_metadata_requests_total{endpoint="pod/uuid",status="200"} 1\n');
  expect(text).toContain('rkt_metadata_requests_total{endpoint="apps/app/image/id",status="404"} 1\n');
  expect(text).toContain('rkt_metadata_requests_total{endpoint="none",status="404"} 1\n');
  expect(text).toContain('rkt_metadata_refusals_total{reason="unknown_app"} 1\n');
});
