/** What scenarios are made of: the service as a process, pods as processes, and questions to the service from their addresses. */

import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { request as httpRequest, type IncomingHttpHeaders, type RequestOptions } from 'node:http';
import { connect } from 'node:net';
import { join } from 'node:path';
import { metadataAddress, metadataSocket } from '../../../../runtime/base/paths.ts';
import { addressOf, registrationOf, tokenOf, uuidOf } from '../../../unit/metadata-service/fixtures.ts';

export { addressOf, registrationOf, tokenOf, uuidOf };

/** Where the scenario may write. */
export const dir = process.argv[2] ?? '';
export const v1 = '/acMetadata/v1';

/** The scenario's result, once everything it started has ended. */
export function report(result: unknown): void {
  process.stdout.write(JSON.stringify(result));
}

const children = new Set<ChildProcess>();
process.on('exit', () => {
  for (const child of children) child.kill('SIGKILL');
});

process.once('SIGTERM', () => process.exit(1));

function start(command: string, args: readonly string[], stdio: (number | 'ignore' | 'pipe')[]): ChildProcess {
  const child = spawn(command, args, { stdio: stdio as 'pipe'[] });
  children.add(child);
  child.once('exit', () => children.delete(child));
  return child;
}

/** The first line that a child writes, or all it wrote before it ended. */
async function firstLine(child: ChildProcess): Promise<string> {
  let text = '';
  for await (const chunk of child.stdout ?? []) {
    text += chunk;
    if (text.includes('\n')) break;
  }
  return text.split('\n', 1)[0] ?? '';
}

export interface Process {
  readonly child: ChildProcess;
  /** What it said first. */
  readonly said: string;
  /** Sends a signal and waits for the end; the exit status or signal. */
  end(signal: NodeJS.Signals): Promise<number | string>;
}

async function started(child: ChildProcess): Promise<Process> {
  const exited = once(child, 'exit').then(([status, signal]) => (status ?? signal) as number | string);
  const end = (signal: NodeJS.Signals) => {
    child.kill(signal);
    return exited;
  };
  return { child, said: await firstLine(child), end };
}

const script = (name: string) => join(import.meta.dirname, `${name}.ts`);

/** Starts the service. `changes` are options of startMetadataService. */
export function startService(changes: Record<string, unknown> = {}, dataDir = join(dir, 'data')): Promise<Process> {
  return started(
    start(process.execPath, [script('service-main'), dataDir, JSON.stringify(changes)], ['ignore', 'pipe', 'ignore']),
  );
}

/** Starts the service with descriptor 3 open, as systemd does. */
export function startActivated(fd: number): Promise<Process> {
  const command = `LISTEN_PID=$$ LISTEN_FDS=1 exec "$0" "$@"`;
  const args = ['-c', command, process.execPath, script('service-main'), join(dir, 'data')];
  return started(start('sh', args, ['ignore', 'pipe', 'ignore', fd]));
}

/** Gives the loopback link the address of a pod, so that questions can come from there. */
export function addAddress(address: string): void {
  execFileSync('ip', ['address', 'replace', `${address}/32`, 'dev', 'lo']);
}

/** Registers the n-th pod as `rkt run` does; the process is its monitor. */
export async function startPod(
  n: number,
  changes: Record<string, unknown> = {},
  prefix: readonly string[] = [],
): Promise<Process> {
  addAddress(addressOf(n));
  const file = join(dir, `registration-${n}.json`);
  writeFileSync(file, JSON.stringify(registrationOf(n, { dir: join(dir, `pod-${n}`), ...changes })));
  const [command = '', ...args] = [...prefix, process.execPath, script('pod-main'), file];
  return started(start(command, args, ['ignore', 'pipe', 2]));
}

export interface Answer {
  status: number;
  text: string;
  headers: IncomingHttpHeaders;
}

/** One request; rejects where the connection is refused or lost. */
export function ask(options: RequestOptions, body?: string | Buffer): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const request = httpRequest({ agent: false, ...options }, (response) => {
      let text = '';
      response.on('data', (data) => {
        text += data;
      });
      response.on('end', () => resolve({ status: response.statusCode ?? 0, text, headers: response.headers }));
      response.on('error', reject);
    });
    request.on('error', reject);
    request.end(body);
  });
}

/** `GET path` from an address. */
export const getFrom = (address: string, path: string): Promise<Answer> =>
  ask({ host: metadataAddress, localAddress: address, path });

/** A form as the n-th pod posts it, with its token. */
export function postFrom(n: number, endpoint: string, fields: Record<string, string>): Promise<Answer> {
  const headers = { 'Content-Type': 'application/x-www-form-urlencoded' };
  const path = `/${tokenOf(n)}${v1}/pod/hmac/${endpoint}`;
  const options = { host: metadataAddress, localAddress: addressOf(n), method: 'POST', path, headers };
  return ask(options, new URLSearchParams(fields).toString());
}

/** A request over the registration socket. */
export const admin = (method: string, path: string): Promise<Answer> =>
  ask({ socketPath: metadataSocket, method, path });

/** The uuid that the service tells to an address, or the code of its refusal. */
export async function whoIs(address: string, path = `${v1}/pod/uuid`): Promise<string> {
  const { status, text } = await getFrom(address, path);
  return status === 200 ? text : JSON.parse(text).error.code;
}

/**
 * Asks until the answer is `expected`; the scenario's time limit is the deadline. A question that is under way when the pod
 * is unregistered loses its connection.
 */
export async function untilIs(address: string, expected: string): Promise<string> {
  for (;;) {
    const answer = await whoIs(address).catch((error) => error.code);
    if (answer === expected) return answer;
  }
}

/**
 * Sends bytes as they stand and returns everything that comes until the service closes the connection. A reset after an answer is
 * what a client gets that goes on sending.
 */
export function sendRaw(address: string, bytes: string | Buffer): Promise<string> {
  return new Promise((resolve, reject) => {
    let answer = '';
    const socket = connect({ host: metadataAddress, port: 80, localAddress: address });
    socket.on('data', (data) => {
      answer += data.toString('latin1');
    });
    socket.on('error', (error) => (answer === '' ? reject(error) : resolve(answer)));
    socket.on('close', () => resolve(answer));
    socket.write(bytes);
  });
}
