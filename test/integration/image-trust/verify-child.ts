/** Verifies one file in a process of its own: argv is localConfig, name, blob, signature; prints what it took as JSON. */

import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { quiet } from '../../../runtime/base/log.ts';
import { KeyStore, verifyDetached } from '../../../runtime/image/trust/index.ts';

const [localConfig, name, blob, signature] = process.argv.slice(2) as [string, string, string, string];
const keystore = new KeyStore({ systemConfig: '/nonexistent', localConfig, log: quiet });

const cpuSeconds = (since?: NodeJS.CpuUsage): number => {
  const { user, system } = process.cpuUsage(since);
  return (user + system) / 1e6;
};

const before = process.cpuUsage();
const { state } = await verifyDetached({ blob, signature, name, keystore });
const verifySeconds = cpuSeconds(before);
const { maxRSS } = process.resourceUsage();

const hashing = process.cpuUsage();
const hash = createHash('sha512');
for await (const chunk of createReadStream(blob, { highWaterMark: 512 << 10 })) hash.update(chunk as Buffer);
hash.digest();
const hashSeconds = cpuSeconds(hashing);

process.stdout.write(JSON.stringify({ state, maxRssMiB: maxRSS / 1024, verifySeconds, hashSeconds }));
