import { expect, test } from '@jest/globals';
import { readNoProxy } from '../../../runtime/image/http/no-proxy.ts';

const isDirect = (noProxy: string, url: string): boolean => readNoProxy(noProxy)(new URL(url));

test.each([
  ['', 'http://localhost:5000'],
  ['', 'https://127.1.2.3'],
  ['', 'https://[::1]:5000'],
  ['*', 'https://example.com'],
  ['other.org, Example.com', 'https://example.com.'],
  ['example.com', 'https://registry.example.com:5000'],
  ['.example.com', 'https://example.com'],
  ['*.example.com', 'https://a.b.example.com'],
  ['a.org example.com:443', 'https://example.com'],
  ['example.com:80', 'http://example.com'],
  ['192.0.2.1', 'https://192.0.2.1:5000'],
  ['10.0.0.0/8,192.168.0.0/16', 'https://10.200.3.4'],
  ['fd00::/8', 'https://[fd12::1]'],
  ['fd12::1', 'https://[fd12::1]'],
  ['[fd12::1]:5000', 'https://[fd12::1]:5000'],
])('NO_PROXY=%s: %s is asked directly', (noProxy, url) => {
  expect(isDirect(noProxy, url)).toBe(true);
});

test.each([
  ['', 'https://example.com'],
  ['example.com', 'https://example.org'],
  ['example.com', 'https://badexample.com'],
  ['*.example.com', 'https://example.com'],
  ['example.com:5000', 'https://example.com'],
  ['10.0.0.0/8', 'https://11.0.0.1'],
  ['10.0.0.0/8', 'https://10.example.com'],
  ['10.0.0.0/99,nonsense/8', 'https://10.0.0.1'],
  ['[fd12::1]:5000', 'https://[fd12::1]'],
])('NO_PROXY=%s: %s is not', (noProxy, url) => {
  expect(isDirect(noProxy, url)).toBe(false);
});
