import { createServer } from 'node:http';
import { type AddressInfo, connect } from 'node:net';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { ServiceError } from '../../../metadata-service/errors.ts';
import { guardRequest } from '../../../metadata-service/guard.ts';

const hosts = new Set(['169.254.169.255', '169.254.169.255:80']);

/** Answers with what the guard thinks of the request. */
const server = createServer({ requireHostHeader: false }, (request, response) => {
  try {
    guardRequest(request, hosts);
    response.end('passed');
  } catch (error) {
    response.end(error instanceof ServiceError ? error.code : String(error));
  }
});
beforeAll(() => new Promise<void>((resolve) => void server.listen(0, '127.0.0.1', resolve)));
afterAll(() => void server.close());

/** Sends the lines as they stand, and returns the body of the answer. */
function send(...lines: string[]): Promise<string> {
  return new Promise((resolve, reject) => {
    let answer = '';
    const socket = connect((server.address() as AddressInfo).port, '127.0.0.1');
    socket.on('data', (data) => {
      answer += data;
    });
    socket.on('end', () => resolve(answer.slice(answer.indexOf('\r\n\r\n') + 4)));
    socket.on('error', reject);
    socket.end([...lines, 'Connection: close', '', ''].join('\r\n'));
  });
}

const host = 'Host: 169.254.169.255';

describe('guardRequest', () => {
  test.each([
    ['GET /acMetadata/v1/pod/uuid HTTP/1.1', host],
    ['GET /a HTTP/1.1', 'Host: 169.254.169.255:80'],
    ['GET /a HTTP/1.0', host],
    ['GET / HTTP/1.1', host],
    ['HEAD /a HTTP/1.1', host, 'Content-Length: 0'],
    ['POST /a HTTP/1.1', host, 'Content-Length: 0', 'Sec-Fetch-Mode: cors', 'Metadata-Flavor: AppContainer'],
  ])('lets pass %s', async (...lines) => {
    // The answer to HEAD has no body to tell.
    expect(await send(...lines)).toBe(lines[0]?.startsWith('HEAD') ? '' : 'passed');
  });

  test.each([
    ['bad_request', 'GET /a HTTP/2.0', host],
    ['bad_request', 'GET /a', ''],
    ['absolute_uri', 'GET http://169.254.169.255/a HTTP/1.1', host],
    ['absolute_uri', 'OPTIONS * HTTP/1.1', host],
    ['bad_host', 'GET /a HTTP/1.1'],
    ['bad_host', 'GET /a HTTP/1.1', 'Host:'],
    ['bad_host', 'GET /a HTTP/1.1', 'Host: rebound.example'],
    ['bad_host', 'GET /a HTTP/1.1', 'Host: 169.254.169.255.example'],
    ['bad_host', 'GET /a HTTP/1.1', 'Host: 169.254.169.255:8080'],
    ['bad_host', 'GET /a HTTP/1.1', 'Host: user@169.254.169.255'],
    ['bad_host', 'GET /a HTTP/1.1', host, 'Host: rebound.example'],
    ['bad_host', 'GET /a HTTP/1.1', host, host],
    ['proxied', 'GET /a HTTP/1.1', host, 'X-Forwarded-For: 10.0.0.1'],
    ['proxied', 'GET /a HTTP/1.1', host, 'x-forwarded-anything: '],
    ['proxied', 'GET /a HTTP/1.1', host, 'Forwarded: for=10.0.0.1'],
    ['proxied', 'GET /a HTTP/1.1', host, 'Via: 1.1 proxy'],
    ['proxied', 'GET /a HTTP/1.1', host, 'X-Real-IP: 10.0.0.1'],
    ['proxied', 'GET /a HTTP/1.1', host, 'X-HTTP-Method-Override: POST'],
    ['proxied', 'GET /a HTTP/1.1', host, 'Proxy-Connection: keep-alive'],
    ['browser', 'GET /a HTTP/1.1', host, 'Origin: http://example.com'],
    ['browser', 'GET /a HTTP/1.1', host, 'Referer: http://example.com/'],
    ['browser', 'GET /a HTTP/1.1', host, 'Sec-Fetch-Site: none'],
    ['upgrade_refused', 'GET /a HTTP/1.1', host, 'Upgrade: h2c'],
    ['bad_path', 'GET //a HTTP/1.1', host],
    ['bad_path', 'GET /a/ HTTP/1.1', host],
    ['bad_path', 'GET /a//b HTTP/1.1', host],
    ['bad_path', 'GET /a/../b HTTP/1.1', host],
    ['bad_path', 'GET /a/./b HTTP/1.1', host],
    ['bad_path', 'GET /%61 HTTP/1.1', host],
    ['bad_path', 'GET /a?b HTTP/1.1', host],
    ['bad_path', 'GET /a;b HTTP/1.1', host],
    ['bad_path', 'GET /a\\b HTTP/1.1', host],
    ['bad_path', 'GET /a#b HTTP/1.1', host],
    ['unexpected_body', 'GET /a HTTP/1.1', host, 'Content-Length: 1'],
    ['unexpected_body', 'GET /a HTTP/1.1', host, 'Transfer-Encoding: chunked'],
  ])('refuses as %s: %s', async (code, ...lines) => {
    expect(await send(...lines)).toBe(code);
  });

  test('sees a header behind a thousand others', async () => {
    const many = Array.from({ length: 1_000 }, (_, i) => `h${i}:`);
    server.maxHeadersCount = 0;
    expect(await send('GET /a HTTP/1.1', host, ...many, 'X-Forwarded-For: 10.0.0.1')).toBe('proxied');
  });
});
