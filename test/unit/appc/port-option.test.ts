import { expect, test } from '@jest/globals';
import { parsePortOption } from '../../../runtime/appc/port-option.ts';

test.each([
  ['http:8080', { name: 'http', hostPort: 8080 }],
  ['80-tcp:127.0.0.1:1', { name: '80-tcp', hostPort: 1, hostIP: '127.0.0.1' }],
  ['http:0.0.0.0:65535', { name: 'http', hostPort: 65535 }],
])('%s', (text, expected) => {
  expect(parsePortOption(text)).toEqual(expected);
});

test.each([
  ['http', 'this is not a name and a port'],
  ['http:1:2:3', 'this is not a name and a port'],
  ['http:0', 'the port of the host must be a number from 1 to 65535'],
  ['http:65536', 'the port of the host must be a number from 1 to 65535'],
  ['http:', 'the port of the host must be a number from 1 to 65535'],
  ['http:8o', 'the port of the host must be a number from 1 to 65535'],
  ['http:localhost:80', 'the address of the host must be an IPv4 address in dotted-quad notation'],
  ['http:256.0.0.1:80', 'the address of the host must be an IPv4 address in dotted-quad notation'],
])('%s is refused: %s', (text, reason) => {
  expect(() => parsePortOption(text)).toThrow(`--port "${text}": ${reason}`);
});

test('a name that is none is refused', () => {
  expect(() => parsePortOption('Http:80')).toThrow(/^--port "Http:80": the name must /);
});
