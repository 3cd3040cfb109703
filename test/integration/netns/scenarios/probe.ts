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

/** Answers every datagram with the address it came from. */
function answerDatagrams(): void {
  const socket = createSocket('udp4');
  socket.on('message', (_, from) => socket.send(from.address, from.port, from.address));
  socket.bind(Number(port), address, () => process.stdout.write('listening'));
}

/** Prints every datagram, and answers it. */
function noteDatagrams(): void {
  const socket = createSocket('udp4');
  socket.on('message', (text, from) => {
    process.stdout.write(`${text}\n`);
    socket.send('noted', from.port, from.address);
  });
  socket.bind(Number(port), address, () => process.stdout.write('listening\n'));
}

function askByDatagram(): void {
  const [timeoutMs = '', from = ''] = rest;
  const socket = createSocket('udp4').bind(from === '' ? 0 : Number(from));
  const finish = (result: string): void => {
    clearTimeout(timer);
    socket.close();
    process.stdout.write(result);
  };
  const timer = setTimeout(() => finish('ETIMEDOUT'), Number(timeoutMs));
  // Connected, so that an answer from any other address is not taken.
  socket.once('listening', () => socket.connect(Number(port), address, () => socket.send('?')));
  socket.once('message', (text) => finish(text.toString()));
  socket.once('error', (error: NodeJS.ErrnoException) => finish(error.code ?? error.message));
}

const modes: Record<string, () => void> = {
  answer: answerDatagrams,
  ask: askByDatagram,
  note: noteDatagrams,
  serve,
  connect: connectOnce,
  send: sendOnce,
};
modes[mode]?.();
