/** A large image is verified as it is read, in little memory. */

import { execFileSync } from 'node:child_process';
import { truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { quiet } from '../../../runtime/base/log.ts';
import { KeyStore } from '../../../runtime/image/trust/index.ts';
import { parseKeys } from '../../../runtime/image/trust/keys.ts';
import { GnuPg } from './gnupg.ts';

const blobBytes = 300 << 20;
let gpg: GnuPg;
beforeAll(() => {
  gpg = new GnuPg();
});
afterAll(() => gpg.close());

test('300 MiB', async () => {
  const key = gpg.generate('Large <large@example.com>', { algorithm: 'rsa4096' });
  const blob = gpg.file('beginning');
  truncateSync(blob, blobBytes);
  const signature = join(gpg.home, 'large.asc');
  writeFileSync(signature, gpg.signFile(blob, key));
  const localConfig = join(gpg.home, 'etc');
  const keystore = new KeyStore({ systemConfig: join(gpg.home, 'system'), localConfig, log: quiet });
  const [parsed] = await parseKeys(Buffer.from(gpg.export(key)), 'test');
  if (parsed !== undefined) await keystore.add('example.com', parsed);

  const child = join(import.meta.dirname, 'verify-child.ts');
  const output = execFileSync('node', [child, localConfig, 'example.com/large', blob, signature], { encoding: 'utf8' });
  const result = JSON.parse(output) as { state: string; peakMiB: number };
  expect(result.state).toBe('verified');
  expect(result.peakMiB).toBeLessThan(120);
}, 120_000);
