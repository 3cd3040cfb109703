/** Many processes start pods at once, and take them down at once. */

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { dir, hostState, leaseDir, netnsDir, report, setLoopbackUp } from './world.ts';

const processes = 5;
const each = 10;
setLoopbackUp();
const before = hostState();
const members = Array.from({ length: processes }, (_, index) =>
  spawn(process.execPath, [join(import.meta.dirname, 'crowd-member.ts'), dir, String(index * each), String(each)], {
    stdio: ['pipe', 'pipe', 'inherit'],
  }),
);
const addresses = await Promise.all(
  members.map(async (member) => JSON.parse(String((await once(member.stdout, 'data'))[0])) as string[]),
);
const full = hostState();
const exits = await Promise.all(
  members.map(async (member) => {
    member.stdin.end('go\n');
    return (await once(member, 'close'))[0] as unknown;
  }),
);
report({
  addresses: addresses.flat(),
  links: full.links.length,
  exits,
  before,
  after: hostState(),
  leases: readdirSync(leaseDir),
  pins: readdirSync(netnsDir),
});
