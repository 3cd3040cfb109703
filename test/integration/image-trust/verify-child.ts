/** Verifies one file in a process of its own: argv is localConfig, name, blob, signature; prints the verdict and its memory as JSON. */

import { readFileSync } from 'node:fs';
import { quiet } from '../../../runtime/base/log.ts';
import { KeyStore, verifyDetached } from '../../../runtime/image/trust/index.ts';

const [localConfig, name, blob, signature] = process.argv.slice(2) as [string, string, string, string];
const keystore = new KeyStore({ systemConfig: '/nonexistent', localConfig, log: quiet });
const { state } = await verifyDetached({ blob, signature, name, keystore });

// Not getrusage(2): its maximum begins with what the process that forked this one had.
const peakKiB = Number(/^VmHWM:\s+(\d+) kB/m.exec(readFileSync('/proc/self/status', 'utf8'))?.[1]);
process.stdout.write(JSON.stringify({ state, peakMiB: peakKiB / 1024 }));
