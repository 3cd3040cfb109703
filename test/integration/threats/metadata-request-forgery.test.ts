import { beforeAll, describe, expect, test } from '@jest/globals';
import { uuidOf } from '../../unit/metadata-service/fixtures.ts';
import { runScenario } from '../metadata-service/run-scenario.ts';

interface Forgery {
  answers: Record<string, [number, string]>;
  smuggled: string[];
  after: string;
}

describe('requests that something in a pod was made to send', () => {
  let run: Forgery;
  beforeAll(() => {
    run = runScenario<Forgery>('request-forgery');
  });

  test('get exactly one answer each, a refusal, and the connection is closed', () => {
    expect(run.answers).toEqual({
      'absolute URI': [400, 'absolute_uri'],
      'absolute URI of another host': [400, 'absolute_uri'],
      'rebound name': [403, 'bad_host'],
      'two hosts': [403, 'bad_host'],
      'no host': [403, 'bad_host'],
      'HTTP/1.0 without host': [403, 'bad_host'],
      'X-Forwarded-For': [403, 'proxied'],
      'X-Forwarded-For behind many headers': [403, 'proxied'],
      Forwarded: [403, 'proxied'],
      'page of a browser': [403, 'browser'],
      CONNECT: [405, 'method_not_allowed'],
      TRACE: [405, 'method_not_allowed'],
      OPTIONS: [405, 'method_not_allowed'],
      'OPTIONS *': [400, 'absolute_uri'],
      PROPFIND: [405, 'method_not_allowed'],
      'unknown method': [400, 'bad_request'],
      'method in lower case': [400, 'bad_request'],
      upgrade: [400, 'upgrade_refused'],
      'HTTP/2 by prior knowledge': [400, 'bad_request'],
      'HTTP/0.9': [400, 'bad_request'],
      'length and chunks': [400, 'bad_request'],
      'chunks that are not last': [400, 'bad_request'],
      'two lengths': [400, 'bad_request'],
      'length with a sign': [400, 'bad_request'],
      'folded header': [400, 'bad_request'],
      'space before the colon': [400, 'bad_request'],
      'bare line feeds': [400, 'bad_request'],
      'carriage return in a header': [400, 'bad_request'],
      'NUL in a header': [400, 'bad_request'],
      'CRLF in the path': [400, 'bad_path'],
      'space in the path': [400, 'bad_request'],
      'body with GET': [400, 'unexpected_body'],
      'dot segments': [400, 'bad_path'],
      'percent escapes': [400, 'bad_path'],
      query: [400, 'bad_path'],
      gopher: [400, 'bad_request'],
    });
  });

  test('cannot hide a second request behind the body of the first: it is judged by itself', () => {
    expect(run.smuggled).toEqual(['200', '403', 'bad_host']);
  });

  test('leave the service as it was', () => {
    expect(run.after).toBe(uuidOf(1));
  });
});
