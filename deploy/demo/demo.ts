/**
 * `make demo`: two pods that know who they are. Everything that it starts is gone when it ends; the last thing it shows is
 * what of the host has changed, which should be nothing.
 */

import { type ChildProcess, execFileSync, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { difference, snapshot } from '../../test/support/host-state.ts';
import { makeImage } from './images.ts';

const rkt = join(dirname(dirname(import.meta.dirname)), 'dist', 'bin', 'rkt');
const webPort = 8088;

const title = (text: string): void => console.log(`\n\x1b[1m== ${text}\x1b[0m`);
const shown = (args: readonly string[]): string =>
  args.map((arg) => (/[\s$;&'"]/.test(arg) ? `'${arg}'` : arg)).join(' ');

class Demo {
  readonly dir = mkdtempSync(join(tmpdir(), 'rkt-demo-'));
  readonly #env = { PATH: process.env.PATH, RKT_DIR: join(this.dir, 'data') };
  readonly #children: ChildProcess[] = [];
  #web: Server | undefined;

  /** Runs rkt to its end and shows command and output. Returns the output. */
  run(...args: string[]): string {
    console.log(`# rkt ${shown(args)}`);
    const { status, stdout, stderr } = spawnSync(rkt, args, { encoding: 'utf8', env: this.#env });
    process.stdout.write(stdout);
    process.stderr.write(stderr);
    if (status !== 0) throw new Error(`rkt ${args[0]} ended with ${status}`);
    return stdout;
  }

  /** Starts rkt in the background. */
  start(stdio: ('ignore' | 'pipe' | 'inherit')[], ...args: string[]): ChildProcess {
    console.log(`# rkt ${shown(args)} &`);
    const child = spawn(rkt, args, {
      stdio,
      env: { ...this.#env, ...(stdio.length > 3 ? { RKT_READY_FD: '3' } : {}) },
    });
    this.#children.push(child);
    return child;
  }

  /** A web server of the host, on the host's end of a pod's link. */
  async serve(address: string): Promise<void> {
    const server = createServer((_, response) => response.end('hello from the host\n'));
    server.listen(webPort, address);
    await once(server, 'listening');
    this.#web = server;
  }

  async end(child: ChildProcess): Promise<void> {
    if (child.exitCode !== null || child.signalCode !== null) return;
    const ended = once(child, 'exit');
    child.kill('SIGTERM');
    await ended;
  }

  async cleanUp(): Promise<void> {
    this.#web?.closeAllConnections();
    this.#web?.close();
    for (const child of this.#children.reverse()) await this.end(child);
    spawnSync(rkt, ['gc', '--grace-period=0s'], { env: this.#env });
    rmSync(this.dir, { recursive: true, force: true });
  }
}

/** Lines of a child's output, one at a time. */
function lineReader(child: ChildProcess): () => Promise<string> {
  const lines: string[] = [];
  const waiting: ((line: string) => void)[] = [];
  let partial = '';
  child.stdout?.on('data', (data: Buffer) => {
    const parts = (partial + data.toString()).split('\n');
    partial = parts.pop() as string;
    for (const line of parts) {
      const wake = waiting.shift();
      if (wake === undefined) lines.push(line);
      else wake(line);
    }
  });
  return async () => {
    const line = lines.shift();
    if (line !== undefined) return line;
    const ended = once(child, 'exit').then(() => {
      throw new Error('the pod ended early');
    });
    return await Promise.race([new Promise<string>((resolve) => waiting.push(resolve)), ended]);
  };
}

/** What pod one does: asks who it is, signs, and stays until its standard input ends. */
const signer = [
  'wget -qO- $AC_METADATA_URL/acMetadata/v1/pod/uuid; echo',
  'wget -qO- --post-data content=attack+at+dawn $AC_METADATA_URL/acMetadata/v1/pod/hmac/sign; echo',
  'cat',
].join('; ');

/** What pod two does: asks who it is, checks pod one's signature, once as it was signed and once altered; visits the host. */
const verifier = [
  'ask="curl -s $AC_METADATA_URL/acMetadata/v1"',
  'echo "I am $($ask/pod/uuid)"',
  'check() { $ask/pod/hmac/verify -o /dev/null -w "%{http_code}" --data-urlencode "content=$1" --data-urlencode "uuid=$SIGNER" --data-urlencode "signature=$SIGNATURE"; }',
  'echo "signature of \\"attack at dawn\\": $(check "attack at dawn")"',
  'echo "signature of \\"attack at noon\\": $(check "attack at noon")"',
  'echo "the web server of the host says: $(curl -s http://$WEB)"',
].join('; ');

function requireEqual(what: string, a: string, b: string): void {
  if (a !== b) throw new Error(`${what}: ${a} is not ${b}`);
  console.log(`-> ${what}`);
}

async function show(demo: Demo): Promise<void> {
  const images = { busybox: join(demo.dir, 'busybox.aci'), curl: join(demo.dir, 'curl.aci') };
  title('Two images of real software: busybox, and curl with its libraries');
  await makeImage({
    name: 'example.com/busybox',
    exec: ['/bin/sh', '-c', signer],
    output: images.busybox,
  });
  await makeImage({
    name: 'example.com/curl',
    exec: ['/bin/sh', '-c', verifier],
    output: images.curl,
    programs: ['/usr/bin/curl'],
  });
  for (const image of Object.values(images)) demo.run('-insecure-skip-verify', 'fetch', image);

  title('The metadata service');
  const service = demo.start(['ignore', 'inherit', 'inherit', 'pipe'], 'metadata-service');
  await once(service.stdio[3] as NodeJS.ReadableStream, 'data');
  console.log(execFileSync('ip', ['-4', '-o', 'address', 'show', 'dev', 'lo'], { encoding: 'utf8' }).trim());

  title('Pod one: who am I, and a signature');
  const one = demo.start(['pipe', 'pipe', 'inherit'], 'run', '--private-net', 'example.com/busybox');
  const line = lineReader(one);
  const uuid = await line();
  const signature = await line();
  console.log(`I am ${uuid}\nsignature of "attack at dawn": ${signature}`);
  const listed = demo
    .run('list', '--full')
    .split('\n')
    .find((row) => row.includes('running'))
    ?.split(/\s+/);
  requireEqual('the uuid that the pod read is the one that rkt list shows', uuid, listed?.[0] ?? '(not listed)');

  title('Pod two: who am I, is the signature good, and is the host there');
  const info = readFileSync(join(demo.dir, 'data', 'pods', 'run', uuid, 'net-info.json'), 'utf8');
  const { hostIp } = (JSON.parse(info) as { hostIp: string }[])[0] as { hostIp: string };
  await demo.serve(hostIp);
  const two = demo.start(
    ['ignore', 'pipe', 'inherit'],
    ...['run', '--private-net', `--set-env=SIGNER=${uuid}`, `--set-env=SIGNATURE=${signature}`],
    ...[`--set-env=WEB=${hostIp}:${webPort}`, 'example.com/curl'],
  );
  const said = await readAll(two);
  process.stdout.write(said);
  requireEqual('the signature is good', /dawn": (\d+)/.exec(said)?.[1] ?? '', '200');
  requireEqual('altered content is refused', /noon": (\d+)/.exec(said)?.[1] ?? '', '403');
  requireEqual('the host answers', /says: (.*)/.exec(said)?.[1] ?? '', 'hello from the host');
  const twoUuid = /I am (.*)/.exec(said)?.[1] ?? '';
  requireEqual('each pod was told its own uuid', String(twoUuid !== uuid && twoUuid.length === 36), 'true');

  title('The end');
  one.stdin?.end();
  await once(one, 'exit');
  demo.run('list');
  demo.run('gc', '--grace-period=0s');
  await demo.end(service);
}

async function readAll(child: ChildProcess): Promise<string> {
  let text = '';
  child.stdout?.on('data', (data: Buffer) => {
    text += data.toString();
  });
  const [status] = (await once(child, 'close')) as [number | null];
  if (status !== 0) throw new Error(`the pod ended with ${status}: ${text}`);
  return text;
}

if (process.geteuid?.() !== 0) {
  console.error('make demo: pods need root; try sudo make demo');
  process.exit(1);
}
const forwarding = (): string => readFileSync('/proc/sys/net/ipv4/ip_forward', 'latin1').trim();
const before = snapshot();
const forwardedBefore = forwarding();
const demo = new Demo();
try {
  await show(demo);
} finally {
  await demo.cleanUp();
}
const changes = difference(before, snapshot());
for (const change of changes) console.log(change);
console.log(
  changes.length === 0 ? '-> the host is as it was before: links, addresses, namespaces, mounts, cgroups' : '',
);
if (forwarding() !== forwardedBefore) {
  console.log('-> net.ipv4.ip_forward was switched on for the pods and stays on, because others may rely on it by now');
}
process.exitCode = changes.length === 0 ? 0 : 1;
