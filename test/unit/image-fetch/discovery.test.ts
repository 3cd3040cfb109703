import { describe, expect, test } from '@jest/globals';
import { quiet } from '../../../runtime/base/log.ts';
import { pagesOf } from '../../../runtime/image/discovery/discover.ts';
import { discoverImage, discoverKeys } from '../../../runtime/image/discovery/index.ts';
import { findMetaTags } from '../../../runtime/image/discovery/meta-tags.ts';
import { fillTemplate } from '../../../runtime/image/discovery/template.ts';
import { transportError } from '../../../runtime/image/http/errors.ts';
import { Response } from '../../../runtime/image/http/response.ts';
import type { HttpClient } from '../../../runtime/image/http/types.ts';

describe('meta tags', () => {
  const one = [{ name: 'ac-discovery', content: 'example.com https://example.com/{name}.{ext}' }];

  test.each([
    [
      'as the specification writes them',
      '<meta name="ac-discovery" content="example.com https://example.com/{name}.{ext}">',
    ],
    ['closed', '<meta name="ac-discovery" content="example.com https://example.com/{name}.{ext}" />'],
    ['in capitals', '<META NAME="AC-Discovery" CONTENT="example.com https://example.com/{name}.{ext}">'],
    ['with other quotes', "<meta name='ac-discovery' content='example.com https://example.com/{name}.{ext}'>"],
    ['without quotes', '<meta name=ac-discovery content="example.com https://example.com/{name}.{ext}">'],
    [
      'turned round, on lines',
      '<meta\n content = "example.com https://example.com/{name}.{ext}"\n\tname = "ac-discovery"\n>',
    ],
    [
      'with more attributes',
      '<meta id=x property="a>b" name="ac-discovery" content="example.com https://example.com/{name}.{ext}">',
    ],
    [
      'with a second content',
      '<meta name="ac-discovery" content="example.com https://example.com/{name}.{ext}" content="no">',
    ],
    [
      'in the middle of anything',
      '<p><meta name="ac-discovery" content="example.com https://example.com/{name}.{ext}"></i>',
    ],
  ])('%s', (_, html) => {
    expect(findMetaTags(html)).toEqual(one);
  });

  test.each([
    ['in a comment', '<!-- <meta name="ac-discovery" content="a b"> -->'],
    ['in a comment that never ends', '<!-- <meta name="ac-discovery" content="a b">'],
    ['in a script', '<script>"<meta name=ac-discovery content=b>"</script>'],
    ['in a script that never ends', '<script><meta name="ac-discovery" content="a b">'],
    ['in a title', '<title><meta name="ac-discovery" content="a b"></title>'],
    ['as another element', '<metadata name="ac-discovery" content="a b">'],
    ['in an attribute', '<p title=\'<meta name="ac-discovery" content="a b">\'>'],
    ['without a content', '<meta name="ac-discovery">'],
    ['that is not closed', '<meta name="ac-discovery" content="a b"'],
  ])('are not found %s', (_, html) => {
    expect(findMetaTags(html)).toEqual([]);
  });

  test('characters are written as references', () => {
    expect(findMetaTags('<meta name=x content="a&amp;b &#x41;&#66;&lt;&nope;&#0;">')).toEqual([
      { name: 'x', content: 'a&b AB<&nope;&#0;' },
    ]);
  });

  // Time that grows with the square of the length would be minutes at least.
  test('hostile text takes no time', () => {
    for (const piece of [
      '<meta ',
      '<meta name="',
      '<!--',
      '<script',
      "<meta a='",
      '&#',
      '<meta a=b=',
      '<script></',
      '<',
      '</script ',
      '<!-',
      'a="',
    ]) {
      findMetaTags(piece.repeat(Math.floor(1_000_000 / piece.length)));
    }
  });
});

describe('templates', () => {
  const reference = {
    name: 'example.com/reduce-worker',
    labels: [
      { name: 'version', value: '1.0.0' },
      { name: 'os', value: 'linux' },
      { name: 'arch', value: 'amd64' },
    ],
  };

  test('are filled as in the specification', () => {
    const template = 'https://storage.example.com/{os}/{arch}/{name}-{version}.{ext}';
    const url = 'https://storage.example.com/linux/amd64/example.com/reduce-worker-1.0.0.aci';
    expect(fillTemplate(template, reference, 'aci')).toBe(url);
    expect(fillTemplate(template, reference, 'aci.asc')).toBe(`${url}.asc`);
  });

  test('are not filled where a label is missing or unknown', () => {
    expect(fillTemplate('https://{name}-{version}', { name: 'a', labels: [] }, 'aci')).toBe(undefined);
    expect(fillTemplate('https://{name}-{flavour}', reference, 'aci')).toBe(undefined);
  });

  test('a value cannot become another part of the URL', () => {
    const hostile = { name: 'example.com', labels: [{ name: 'version', value: '?x=1#y%20z\\{ext}' }] };
    expect(fillTemplate('https://{name}/{version}', hostile, 'aci')).toBe(
      'https://example.com/%3Fx%3D1%23y%2520z%5C%7Bext%7D',
    );
  });
});

/** A client that knows some pages, and what was asked of it. */
function pages(known: Readonly<Record<string, string | number | Error>>): { client: HttpClient; asked: string[] } {
  const asked: string[] = [];
  const request = async (url: string) => {
    asked.push(url);
    const page = known[url] ?? 404;
    if (page instanceof Error) throw transportError(url, page);
    const status = typeof page === 'number' ? page : 200;
    async function* body() {
      yield Buffer.from(String(page));
    }
    return new Response(status, {}, url, Object.assign(body(), { dump: async () => {}, destroy: () => {} }));
  };
  const client = { request, download: () => Promise.reject(new Error('not here')), close: async () => {} };
  return { client: client as HttpClient, asked };
}

const log = quiet;
const meta = (name: string, content: string): string => `<meta name="${name}" content="${content}">`;
const page = (name: string): string => `https://${name}?ac-discovery=1`;

describe('discovery', () => {
  const reference = {
    name: 'example.com/project/app',
    labels: [
      { name: 'version', value: 'v1' },
      { name: 'os', value: 'linux' },
      { name: 'arch', value: 'amd64' },
    ],
  };
  const template = 'https://example.com/{name}-{version}-{os}-{arch}.{ext}';
  const found = {
    aci: 'https://example.com/example.com/project/app-v1-linux-amd64.aci',
    signature: 'https://example.com/example.com/project/app-v1-linux-amd64.aci.asc',
    usedLabels: ['version', 'os', 'arch'],
  };

  test('walks up from the name to the host', () => {
    expect(pagesOf('example.com/a/b')).toEqual(['example.com/a/b', 'example.com/a', 'example.com']);
  });

  test('asks the name itself first', async () => {
    const { client, asked } = pages({ [page(reference.name)]: meta('ac-discovery', `example.com ${template}`) });
    expect(await discoverImage(reference, { client, allowHttp: false, log })).toEqual([found]);
    expect(asked).toEqual([page(reference.name)]);
  });

  test('goes to the parent on 4xx, without tags, and with tags for others', async () => {
    const { client, asked } = pages({
      [page('example.com/project/app')]: 403,
      [page('example.com/project')]:
        meta('ac-discovery', `example.org ${template}`) + meta('ac-discovery-pubkeys', 'example.com https://x/key'),
      [page('example.com')]: meta('ac-discovery', `example.com/project ${template}`),
    });
    expect(await discoverImage(reference, { client, allowHttp: false, log })).toEqual([found]);
    expect(asked).toEqual(pagesOf(reference.name).map(page));
  });

  test('finds all places, in order, of those that can be used', async () => {
    const html = [
      `example.com hdfs://store/{name}.{ext}`,
      `example.com http://example.com/{name}.{ext}`,
      `example.com https://mirror.example.com/{name}.aci`,
      `example.com https://mirror.example.com/{flavour}.{ext}`,
      'example.com',
      `example.com https://mirror.example.com/{name}.{ext} more`,
      `example.com ${template}`,
      `example.com https://second.example.com/{name}.{ext}`,
    ].map((content) => meta('ac-discovery', content));
    const { client } = pages({ [page('example.com')]: html.join('') });
    const second = {
      aci: 'https://second.example.com/example.com/project/app.aci',
      signature: 'https://second.example.com/example.com/project/app.aci.asc',
      usedLabels: [],
    };
    expect(await discoverImage(reference, { client, allowHttp: false, log })).toEqual([found, second]);
    const all = await discoverImage(reference, { client, allowHttp: true, log });
    expect(all.map(({ aci }) => aci)).toEqual([
      'http://example.com/example.com/project/app.aci',
      found.aci,
      second.aci,
    ]);
  });

  test('without a version asks for the latest, which the manifest need not have', async () => {
    const { client } = pages({ [page('example.com')]: meta('ac-discovery', `example.com ${template}`) });
    const unversioned = { ...reference, labels: reference.labels.slice(1) };
    expect(await discoverImage(unversioned, { client, allowHttp: false, log })).toEqual([
      {
        aci: 'https://example.com/example.com/project/app-latest-linux-amd64.aci',
        signature: 'https://example.com/example.com/project/app-latest-linux-amd64.aci.asc',
        usedLabels: ['os', 'arch'],
      },
    ]);
  });

  test('ends where nothing is found', async () => {
    await expect(discoverImage(reference, { client: pages({}).client, allowHttp: false, log })).rejects.toMatchObject({
      code: 'ENODISCOVERY',
      message: 'found no ACI meta tags',
    });
  });

  test('does not take a server that fails for one that has nothing', async () => {
    const { client, asked } = pages({ [page(reference.name)]: 500 });
    await expect(discoverImage(reference, { client, allowHttp: false, log })).rejects.toMatchObject({
      code: 'ENODISCOVERY',
      message: `fetching ${page(reference.name)}: the server answered 500`,
    });
    expect(asked).toHaveLength(1);
  });

  test('tries plain HTTP only where that is allowed', async () => {
    const refused = Object.assign(new Error('connect'), { code: 'ECONNREFUSED' });
    const all = Object.fromEntries(pagesOf(reference.name).map((name) => [page(name), refused]));
    const http = `http://${reference.name}?ac-discovery=1`;
    const known = { ...all, [http]: meta('ac-discovery', `example.com ${template}`) };
    await expect(
      discoverImage(reference, { client: pages(known).client, allowHttp: false, log }),
    ).rejects.toMatchObject({ message: `fetching ${page(reference.name)}: the connection was refused` });
    const { client, asked } = pages(known);
    expect(await discoverImage(reference, { client, allowHttp: true, log })).toEqual([found]);
    expect(asked).toEqual([page(reference.name), http]);
  });

  test('finds keys, each once', async () => {
    const key = 'https://example.com/pubkeys.gpg';
    const tags = [
      `example.com ${key}`,
      `example.com/project ${key}`,
      'example.org https://x/',
      'example.com http://x/',
    ];
    const { client } = pages({ [page('example.com')]: tags.map((tag) => meta('ac-discovery-pubkeys', tag)).join('') });
    expect(await discoverKeys('example.com/project', { client, allowHttp: false, log })).toEqual([key]);
  });
});
