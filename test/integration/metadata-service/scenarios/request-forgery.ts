/** What a proxy, a browser or a confused parser could be made to send from inside a pod. */

import { addressOf, report, sendRaw, startPod, startService, tokenOf, v1, whoIs } from './world.ts';

const host = 'Host: 169.254.169.255';
const uuid = `GET ${v1}/pod/uuid HTTP/1.1`;
const sign = `POST /${tokenOf(1)}${v1}/pod/hmac/sign HTTP/1.1`;
const form = 'Content-Type: application/x-www-form-urlencoded';
const close = 'Connection: close';

/** Lines are joined by CRLF; the last one is the body. */
const requests: Record<string, string[]> = {
  'absolute URI': [`GET http://169.254.169.255${v1}/pod/uuid HTTP/1.1`, host, '', ''],
  'absolute URI of another host': ['GET http://example.com/ HTTP/1.1', 'Host: example.com', '', ''],
  'rebound name': [uuid, 'Host: rebound.example', '', ''],
  'two hosts': [uuid, host, 'Host: rebound.example', '', ''],
  'no host': [uuid, '', ''],
  'HTTP/1.0 without host': [`GET ${v1}/pod/uuid HTTP/1.0`, '', ''],
  'X-Forwarded-For': [uuid, host, 'X-Forwarded-For: 10.0.0.1', '', ''],
  'X-Forwarded-For behind many headers': [
    uuid,
    host,
    ...Array.from({ length: 1500 }, () => 'a:'),
    'X-Forwarded-For: x',
    '',
    '',
  ],
  Forwarded: [uuid, host, 'Forwarded: for=10.0.0.1', '', ''],
  'page of a browser': [uuid, host, 'Origin: http://example.com', '', ''],
  CONNECT: ['CONNECT 169.254.169.255:80 HTTP/1.1', host, '', ''],
  TRACE: [`TRACE ${v1}/pod/uuid HTTP/1.1`, host, close, '', ''],
  OPTIONS: [`OPTIONS ${v1}/pod/uuid HTTP/1.1`, host, close, '', ''],
  'OPTIONS *': ['OPTIONS * HTTP/1.1', host, '', ''],
  PROPFIND: [`PROPFIND ${v1}/pod/uuid HTTP/1.1`, host, close, '', ''],
  'unknown method': [`FOO ${v1}/pod/uuid HTTP/1.1`, host, '', ''],
  'method in lower case': [`get ${v1}/pod/uuid HTTP/1.1`, host, '', ''],
  upgrade: [uuid, host, 'Connection: Upgrade', 'Upgrade: websocket', '', ''],
  'HTTP/2 by prior knowledge': ['PRI * HTTP/2.0', '', 'SM', '', ''],
  'HTTP/0.9': [`GET ${v1}/pod/uuid`, '', ''],
  'length and chunks': [sign, host, form, 'Content-Length: 3', 'Transfer-Encoding: chunked', '', '0\r\n\r\n'],
  'chunks that are not last': [sign, host, form, 'Transfer-Encoding: chunked, identity', '', 'content=a'],
  'two lengths': [sign, host, form, 'Content-Length: 9', 'Content-Length: 10', '', 'content=aa'],
  'length with a sign': [sign, host, form, 'Content-Length: +9', '', 'content=a'],
  'folded header': [uuid, host, 'X-A: a', ' b', '', ''],
  'space before the colon': [uuid, 'Host : 169.254.169.255', '', ''],
  'bare line feeds': [`${uuid}\n${host}\n\n`],
  'carriage return in a header': [uuid, host, 'X-A: a\rX-B: b', '', ''],
  'NUL in a header': [uuid, host, 'X-A: a\0b', '', ''],
  'CRLF in the path': [`GET ${v1}/pod/uuid%0d%0aX-A:b HTTP/1.1`, host, '', ''],
  'space in the path': [`GET ${v1}/pod/uuid x HTTP/1.1`, host, '', ''],
  'body with GET': [uuid, host, 'Content-Length: 5', '', 'GET /'],
  'dot segments': [`GET ${v1}/apps/../pod/uuid HTTP/1.1`, host, '', ''],
  'percent escapes': [`GET ${v1}/pod/%75uid HTTP/1.1`, host, '', ''],
  query: [`GET ${v1}/pod/uuid?x HTTP/1.1`, host, '', ''],
  gopher: ['gopher://x'],
};

await startService();
await startPod(1);
const answers: Record<string, [number, string]> = {};
for (const [name, lines] of Object.entries(requests)) {
  const answer = await sendRaw(addressOf(1), lines.length === 1 ? `${lines[0]}\r\n\r\n` : lines.join('\r\n'));
  const statuses = Array.from(answer.matchAll(/^HTTP\/1\.1 (\d{3}) /gm), ([, status]) => Number(status));
  answers[name] = [
    statuses.length === 1 ? (statuses[0] ?? 0) : statuses.length,
    /"code":"(\w+)"/.exec(answer)?.[1] ?? answer,
  ];
}
// What comes behind the body of a request is the next request, and has to be one.
const smuggled = await sendRaw(
  addressOf(1),
  [sign, host, form, 'Content-Length: 9', '', `content=aGET /x HTTP/1.1`, 'Host: rebound.example', '', ''].join('\r\n'),
);
report({
  answers,
  smuggled: Array.from(smuggled.matchAll(/HTTP\/1\.1 (\d{3}) |"code":"(\w+)"/gm), ([, status, code]) => status ?? code),
  after: await whoIs(addressOf(1)),
});
process.exit(0);
