/** What goes into an image comes out of it: every property that aci.md says must be kept, and every form of archive. */

import { execFileSync } from 'node:child_process';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { getXattr, listXattrs } from '../../../native/fs.ts';
import { buildAci } from '../../../runtime/image/build.ts';
import { digestOf, openArchive } from '../../../runtime/image/read-archive.ts';
import { manifestOf, Sandbox } from './archives.ts';

let box: Sandbox;
let source: string;
beforeEach(() => {
  box = new Sandbox();
  source = join(box.dir, 'source');
  mkdirSync(source);
});
afterEach(() => box[Symbol.dispose]());

const shell = (cwd: string, script: string): string =>
  execFileSync('bash', ['-euc', script], { cwd, encoding: 'utf8', stdio: ['ignore', 'pipe', 'inherit'] });

/** Everything that find(1) can say about a tree, hard links by a number of their own, and the files' content. */
function describeTree(root: string): string {
  const list = shell(
    root,
    `find . -printf '%p %y %m %U %G %s %T@ %n %l\\n' | sed -E 's/^(\\S+ d \\S+ \\S+ \\S+) \\S+/\\1 -/; s/ \\S+ ([0-9]+) $/ &/' | LC_ALL=C sort`,
  );
  return list + shell(root, 'find . -type f -print0 | LC_ALL=C sort -z | xargs -0 sha256sum');
}

const everything = `
  mkdir -p bin etc dev deep/a/b tmp; chmod 1777 tmp
  cp /bin/ls bin/ls; chmod 4755 bin/ls; ln bin/ls bin/dir; ln -s /bin/ls bin/v; ln -s ../../outside etc/x
  ln -P etc/x etc/y
  mknod dev/null c 1 3; mknod dev/disk b 8 1; mknod dev/big c 511 1048575; mkfifo etc/fifo; chmod 640 etc/fifo
  printf x > $'etc/\\xff\\xfe'; printf y > 'etc/grün'; printf z > $'etc/new\\nline'
  long=$(printf 'd%.0s' {1..90}); mkdir -p $long/$long/$long; printf hi > $long/$long/$long/end
  ln -s $long/$long/$long/end etc/long
  chown 1000:1001 deep/a; chown 4000000:4000001 deep/a/b; chown -h 7:8 bin/v
  touch -h -d '2001-02-03 04:05:06.789012345Z' bin/v etc/fifo; touch -d '1960-01-01 00:00:00.25Z' deep/a/b
  touch -d '2001-02-03 04:05:06.789Z' deep/a; : > etc/empty
`;

test('an image that rkt built keeps everything', async () => {
  shell(source, everything);
  const output = join(box.dir, 'image.aci');
  const built = await buildAci({
    rootfs: source,
    manifest: manifestOf('example.com/all'),
    output,
    compression: 'gzip',
  });
  const info = await box.import(output);
  expect(info.id).toBe(built.id);
  expect(info.size).toBe(built.size);
  expect(describeTree(box.tree(info))).toBe(describeTree(source));
  expect(box.store.verify(info)).toEqual([]);
});

test('extended attributes are kept, also binary ones', async () => {
  shell(source, 'cp /bin/cat cat; setcap cap_net_raw+ep cat');
  const before = getXattr(join(source, 'cat'), 'security.capability');
  const output = join(box.dir, 'image.aci');
  await buildAci({ rootfs: source, manifest: manifestOf('example.com/caps'), output });
  const tree = box.tree(await box.import(output));
  expect(listXattrs(join(tree, 'cat'))).toEqual(['security.capability']);
  expect(getXattr(join(tree, 'cat'), 'security.capability')).toEqual(before);
});

test('building is reproducible', async () => {
  shell(source, everything);
  const digests = [];
  for (const name of ['one', 'two']) {
    const output = join(box.dir, name);
    await buildAci({ rootfs: source, manifest: manifestOf('example.com/all'), output, compression: 'gzip' });
    const { handle } = await openArchive(output);
    digests.push(await digestOf(handle));
    await handle.close();
  }
  expect(digests[0]).toBe(digests[1]);
});

test('what rkt built is read by GNU tar', async () => {
  shell(source, everything);
  const output = join(box.dir, 'image.aci');
  await buildAci({ rootfs: source, manifest: manifestOf('example.com/all'), output });
  const other = join(box.dir, 'other');
  mkdirSync(other);
  shell(other, `tar --numeric-owner --same-owner -xpf ${output} 2>/dev/null`);
  expect(describeTree(join(other, 'rootfs'))).toBe(describeTree(source));
});

describe('archives of GNU tar', () => {
  /** GNU and ustar headers hold whole seconds, ustar no large ids and no long links. */
  const simple = everything
    .replaceAll(/\.(789012345|25|789)Z/g, 'Z')
    .replace('1960', '1990')
    .replaceAll('40000', '400');
  const cases: [string, string, string][] = [
    ['pax', everything, '--format=pax'],
    ['gnu', simple.replaceAll('400', '40000'), '--format=gnu'],
    [
      'ustar',
      simple
        .replace(/ln -s \$long.*\n/, '\n')
        .replaceAll('$long/$long/$long', '$long/$long')
        .replace('511 1048575', '511 255'),
      '--format=ustar',
    ],
  ];

  test.each(cases)('%s', async (_format, script, option) => {
    shell(
      source,
      `mkdir rootfs; cd rootfs\n${script}\nfind . -newermt '2002-01-01' -exec touch -h -d '2020-01-01Z' {} +`,
    );
    writeFileSync(join(source, 'manifest'), manifestOf('example.com/gnu'));
    shell(source, `tar ${option} -cf ../image.aci manifest rootfs`);
    const info = await box.import(join(box.dir, 'image.aci'));
    expect(describeTree(box.tree(info))).toBe(describeTree(join(source, 'rootfs')));
    expect(info.id).toBe(`sha512-${shell(box.dir, 'sha512sum < image.aci').slice(0, 128)}`);
  });

  test.each(['gzip', 'bzip2', 'xz', 'zstd'])('compressed by %s', async (compressor) => {
    shell(source, 'mkdir rootfs; cp /bin/ls rootfs/ls');
    writeFileSync(join(source, 'manifest'), manifestOf('example.com/gnu'));
    shell(source, 'tar -cf ../image.tar ./manifest ./rootfs');
    shell(box.dir, `${compressor} -c image.tar > image.aci`);
    const info = await box.import(join(box.dir, 'image.aci'));
    expect(info.id).toBe(`sha512-${shell(box.dir, 'sha512sum < image.tar').slice(0, 128)}`);
    expect(info.blobDigest).toBe(`sha512-${shell(box.dir, 'sha512sum < image.aci').slice(0, 128)}`);
    expect(readFileSync(join(box.tree(info), 'ls'))).toEqual(readFileSync('/bin/ls'));
    expect(readFileSync(info.blob)).toEqual(readFileSync(join(box.dir, 'image.aci')));
  });

  test.each([
    '--format=gnu',
    '--format=pax --sparse-version=0.0',
    '--format=pax --sparse-version=0.1',
    '--format=pax --sparse-version=1.0',
  ])('sparse files: tar --sparse %s', async (format) => {
    // More pieces than one header, one block after it, and one block of a map hold; data and holes at either end.
    shell(
      source,
      `mkdir rootfs; cd rootfs; truncate -s 40M holes ends all; echo -n end | dd of=ends bs=1 seek=41943037 conv=notrunc status=none
      for at in $(seq 0 60); do echo $at | dd of=holes bs=1 seek=$((at * 524288)) conv=notrunc status=none; done
      head -c 100000 /dev/urandom > begins; truncate -s 2M begins; name=$(printf 'n%.0s' {1..150}); cp --sparse=always begins $name
      touch -d @1000000000 * .`,
    );
    writeFileSync(join(source, 'manifest'), manifestOf('example.com/gnu'));
    shell(source, `tar --sparse ${format} -cf ../image.aci manifest rootfs`);
    const info = await box.import(join(box.dir, 'image.aci'));
    expect(describeTree(box.tree(info))).toBe(describeTree(join(source, 'rootfs')));
    expect(Number(shell(box.tree(info), 'du -s -m .').split('\t')[0])).toBeLessThan(10);
    expect(box.store.verify(info)).toEqual([]);
  });

  test('directories that have no entry are made', async () => {
    shell(source, 'mkdir -p rootfs/a/b; echo > rootfs/a/b/c');
    writeFileSync(join(source, 'manifest'), manifestOf('example.com/gnu'));
    shell(source, 'tar -cf ../image.aci rootfs/a/b/c manifest');
    const info = await box.import(join(box.dir, 'image.aci'));
    expect(shell(box.tree(info), `stat -c '%n %a %u %Y' . a a/b`)).toBe('. 755 0 0\na 755 0 0\na/b 755 0 0\n');
    expect(box.store.verify(info)).toEqual([]);
  });
});
