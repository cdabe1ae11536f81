// A provider on loopback, over TLS and in clear text, that answers by what the request asks for
// (the model: in the body, or in the path). It writes octets as they stand in an exchange of
// tests/fixtures, and can end a connection in every way, which node:http cannot.
import net from 'node:net';
import tls from 'node:tls';
import { EventEmitter, once } from 'node:events';
import { Duplex } from 'node:stream';

const HEAD_END = '\r\n\r\n';

// Cuts requests out of what a client sends. Bodies are delimited by Content-Length or chunked.
class Requests {
  #kept = Buffer.alloc(0);

  push(octets) {
    this.#kept = Buffer.concat([this.#kept, octets]);
    const out = [];
    for (let one = this.#take(); one; one = this.#take()) out.push(one);
    return out;
  }

  #take() {
    const end = this.#kept.indexOf(HEAD_END);
    if (end < 0) return null;
    const head = this.#kept.subarray(0, end).toString('latin1');
    const rest = this.#kept.subarray(end + HEAD_END.length);
    const body = /^transfer-encoding: *chunked$/im.test(head)
      ? chunked(rest)
      : sized(rest, Number(/^content-length: *(\d+)$/im.exec(head)?.[1] ?? 0));
    if (!body) return null;
    this.#kept = rest.subarray(body.took);
    return { head, body: body.octets.toString() };
  }
}

const sized = (octets, size) =>
  octets.length < size ? null : { octets: octets.subarray(0, size), took: size };

function chunked(octets) {
  const parts = [];
  for (let at = 0; ;) {
    const line = octets.indexOf('\r\n', at);
    if (line < 0) return null;
    const size = parseInt(octets.subarray(at, line).toString('latin1'), 16);
    const end = line + 2 + size;
    if (octets.length < end + 2) return null;
    if (size === 0) return { octets: Buffer.concat(parts), took: end + 2 };
    parts.push(octets.subarray(line + 2, end));
    at = end + 2;
  }
}

// The socket behind a stream of our own, so that TLS does not own how it ends.
function pipe(raw) {
  const out = new Duplex({
    read: () => raw.resume(),
    write: (octets, encoding, done) => void raw.write(octets, done),
    final: (done) => void raw.end(done),
  });
  raw.on('data', (octets) => out.push(octets) || raw.pause());
  raw.on('end', () => out.push(null)).on('close', () => out.destroy());
  return out;
}

const header = (head, name) => new RegExp(`^${name}: *(.*)$`, 'im').exec(head)?.[1] ?? '';

function modelOf({ head, body }) {
  const inPath = /\/models\/([^:/? ]+):/.exec(head.slice(0, head.indexOf('\r\n')));
  return inPath ? decodeURIComponent(inPath[1]) : JSON.parse(body).model;
}

export class Provider extends EventEmitter {
  #answersOf;
  #servers = [];
  #sockets = new Set();
  requests = new Map(); // of each model: {head, body, ended} in the order in which they came

  // answersOf(model): one list of steps for each of its requests, the last for all that follow.
  // A step is octets, or a function of the connection that may return a promise.
  constructor(answersOf) {
    super();
    this.setMaxListeners(0);
    this.#answersOf = answersOf;
  }

  async listen(certificate) {
    const ports = {};
    for (const kind of ['clear', 'tls']) {
      const server = net.createServer({ noDelay: true }, (raw) =>
        this.#accept(raw, kind === 'tls' && certificate),
      );
      server.listen(0, '127.0.0.1');
      await once(server, 'listening');
      this.#servers.push(server);
      ports[kind] = server.address().port;
    }
    return ports;
  }

  close() {
    for (const server of this.#servers) server.close();
    for (const socket of this.#sockets) socket.destroy();
  }

  #accept(raw, certificate) {
    const plain = certificate
      ? new tls.TLSSocket(pipe(raw), {
          isServer: true,
          secureContext: certificate,
          ALPNProtocols: ['http/1.1'],
        })
      : raw;
    const requests = new Requests();
    const connection = { raw, plain, current: null };
    let turn = Promise.resolve();
    this.#sockets.add(raw);
    const ended = () => {
      this.#sockets.delete(raw);
      if (connection.current) connection.current.ended = true;
      this.emit('ended', connection);
    };
    // A client that resets or leaves is a case of its own, no error of this side.
    for (const socket of new Set([raw, plain])) socket.on('error', () => {}).on('close', ended);
    plain.on('data', (octets) => {
      for (const request of requests.push(octets)) {
        turn = turn.then(() => this.#answer(connection, request));
      }
    });
  }

  async #answer(connection, request) {
    const model = modelOf(request);
    const earlier = this.requests.get(model) ?? [];
    this.requests.set(model, [...earlier, request]);
    const answers = this.#answersOf(model);
    connection.current = request;
    for (const step of answers[Math.min(earlier.length, answers.length - 1)]) {
      if (typeof step === 'function') await step(connection, request);
      else connection.plain.write(step);
    }
    request.answered = true;
    connection.current = null;
  }

  // --- steps -----------------------------------------------------------------------------------

  // Until the client has shown that it got what was sent so far.
  until = (event) => () => once(this, event);

  // Until the client leaves.
  hold = (connection, request) =>
    new Promise((resolve) => {
      const look = () => {
        if (!request.ended) return;
        this.off('ended', look);
        resolve();
      };
      this.on('ended', look);
      look();
    });

  // The last step: nothing comes after an end. TLS is told nothing of a FIN or an RST.
  static closeNotify = ({ plain }) => void plain.end();
  static fin = ({ raw, plain }) => plain.write('', () => raw.end());
  static rst = ({ raw, plain }) =>
    plain.write('', () => {
      raw.resetAndClosing = true; // resetAndDestroy() sends a FIN before the RST
      raw.destroy();
    });
}

export const offers = (request, coding) =>
  header(request.head, 'accept-encoding').split(/, */).includes(coding);
