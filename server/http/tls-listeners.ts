/**
 * The servers of Node beneath Fastify, with TLS or without; there are several where a name has several addresses. Their
 * certificate can be replaced while they run: connections keep the one that they began with.
 */
import { createServer, type RequestListener, type Server } from 'node:http';
import { createServer as createTlsServer, type Server as TlsServer } from 'node:https';
import type { SecureContextOptions } from 'node:tls';
import type { TlsCredentials } from '../tls-credentials.ts';

/** TLS 1.3 wherever the other side has it, which is what both prefer. */
const OLDEST = 'TLSv1.2';

/** How long a handshake may take: until then a caller costs a connection and has said nothing. */
const HANDSHAKE_MS = 10_000;

export interface ListenerSettings {
  /** A connection is closed after this long without a byte either way; milliseconds. */
  readonly idleMs: number;
  /** How long an open connection waits for another request; milliseconds. */
  readonly keepAliveMs: number;
  readonly maxConnections: number;
}

export class TlsListeners {
  readonly #servers: TlsServer[] = [];
  #credentials: TlsCredentials | undefined;

  /** @param credentials absent: plain HTTP */
  constructor(credentials?: TlsCredentials) {
    this.#credentials = credentials;
  }

  create(handler: RequestListener, { idleMs, keepAliveMs, maxConnections }: ListenerSettings): Server {
    // A request without the header Host is refused by the app, as a problem.
    const http = { requireHostHeader: false };
    let server: Server;
    if (this.#credentials) {
      const secure = { ...http, ...contextOf(this.#credentials), handshakeTimeout: HANDSHAKE_MS };
      const tlsServer = createTlsServer(secure, handler);
      this.#servers.push(tlsServer);
      server = tlsServer;
    } else server = createServer(http, handler);
    server.keepAliveTimeout = keepAliveMs;
    // A large body over a slow line may take its time, as long as it goes on: one that has stopped would hold its
    // memory and its part of the disk for ever.
    server.requestTimeout = 0;
    server.setTimeout(idleMs);
    server.maxConnections = maxConnections;
    return server;
  }

  /** New connections have the new certificate. */
  replace(credentials: TlsCredentials): void {
    this.#credentials = credentials;
    for (const server of this.#servers) server.setSecureContext(contextOf(credentials));
  }
}

function contextOf({ chain, key }: TlsCredentials): SecureContextOptions {
  return { cert: chain, key: Buffer.from(key.reveal()), minVersion: OLDEST };
}
