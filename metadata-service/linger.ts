import type { IncomingMessage } from 'node:http';

/** How long a client has to read the refusal before its connection is gone. */
const lingerMs = 1_000;

/**
 * Makes the connection of a refused request close so that the client can read why. Node destroys the socket right after the
 * answer; with bytes of the request still unread, the kernel then sends a reset, and that can overtake the answer (RFC 9112,
 * section 9.6). The unread bytes are not read either: a flood stays in the client's own send buffer.
 */
export function lingerOnClose(request: IncomingMessage): void {
  const { socket } = request;
  const destroySoon = socket.destroySoon.bind(socket);
  socket.destroySoon = () => {
    if (request.complete) {
      destroySoon();
      return;
    }
    socket.pause();
    socket.end();
    const timer = setTimeout(() => socket.destroy(), lingerMs);
    socket.once('close', () => clearTimeout(timer));
  };
}
