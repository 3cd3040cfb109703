/** Network traffic from inside a namespace, started by nsenter: see world.ts. */

import { createSocket } from 'node:dgram';
import { connect, createServer } from 'node:net';

const [, , mode = '', address = '', port = '', ...rest] = process.argv;

function serve(): void {
  const server = createServer((socket) => {
    socket.on('error', () => {});
    socket.end(socket.remoteAddress ?? '');
  });
  server.listen(Number(port), address, () => process.stdout.write('listening'));
}

function connectOnce(): void {
  const [timeoutMs = '', from = ''] = rest;
  const socket = connect({
    host: address,
    port: Number(port),
    ...(from === '' ? {} : { localAddress: from }),
  });
  const finish = (result: string): void => {
    socket.destroy();
    clearTimeout(timer);
    process.stdout.write(result);
  };
  const timer = setTimeout(() => finish('ETIMEDOUT'), Number(timeoutMs));
  socket.once('data', (data) => finish(data.toString()));
  socket.once('error', (error: NodeJS.ErrnoException) => finish(error.code ?? error.message));
}

function sendOnce(): void {
  const [from = '', text = ''] = rest;
  const socket = createSocket('udp4');
  socket.bind(0, from, () => socket.send(text, Number(port), address, () => socket.close()));
}

const modes: Record<string, () => void> = { serve, connect: connectOnce, send: sendOnce };
modes[mode]?.();
