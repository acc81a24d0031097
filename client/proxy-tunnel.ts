/**
 * TLS through an HTTP proxy: CONNECT, RFC 9110 section 9.3.6. The proxy learns the host and the port, and can cut the
 * connection; what passes through is between the coordinator and this node. Node only.
 */
import { request as httpRequest, type IncomingMessage } from 'node:http';
import {
  type AgentOptions,
  request as httpsRequest,
  type RequestOptions,
  Agent as TlsAgent,
} from 'node:https';
import type { Duplex } from 'node:stream';
import { type ConnectionOptions, connect as connectTls } from 'node:tls';
import { HanseError } from '../protocol/problem.ts';
import { hostInUrl } from '../protocol/url-host.ts';
import { IDLE_MS, silent } from './exchange.ts';
import type { ProxyAddress } from './proxy-choice.ts';

/** The proxy for a host and a port, undefined for none. May throw. */
export type ProxyChoice = (host: string, port: number) => ProxyAddress | undefined;

type Created = (error: Error | null, socket: Duplex) => void;

/** Connections of which each goes through the proxy that is chosen for it. */
export class TunnellingAgent extends TlsAgent {
  readonly #choose: ProxyChoice;

  constructor(options: AgentOptions, choose: ProxyChoice) {
    super(options);
    this.#choose = choose;
  }

  override createConnection(options: RequestOptions, created?: Created): Duplex | null | undefined {
    const host = options.host ?? 'localhost';
    const port = Number(options.port ?? 443);
    const failed = (error: unknown) => created?.(error as Error, undefined as unknown as Duplex);
    let proxy: ProxyAddress | undefined;
    try {
      proxy = this.#choose(host, port);
    } catch (error) {
      process.nextTick(failed, error);
      return undefined;
    }
    if (!proxy) return super.createConnection(options, created);
    openTunnel(proxy, host, port).then(
      (socket) => created?.(null, connectTls({ ...(options as ConnectionOptions), socket })),
      failed,
    );
    return undefined;
  }
}

/**
 * A connection to the host, made by the proxy.
 * @throws `proxyUnauthorized`, `proxyFailed`
 */
export function openTunnel(
  proxy: ProxyAddress,
  host: string,
  port: number,
  idleMs = IDLE_MS,
): Promise<Duplex> {
  const target = `${hostInUrl(host)}:${port}`;
  const { name, isTls, authorization } = proxy;
  const basic = authorization && `Basic ${Buffer.from(authorization.reveal()).toString('base64')}`;
  const failed = (reason: string, cause?: unknown) =>
    new HanseError('proxyFailed', { proxy: name, reason }, { cause });
  return new Promise((resolve, reject) => {
    const asking = (isTls ? httpsRequest : httpRequest)({
      host: proxy.host,
      port: proxy.port,
      method: 'CONNECT',
      path: target,
      agent: false,
      headers: { host: target, ...(basic !== undefined && { 'proxy-authorization': basic }) },
      timeout: idleMs,
    });
    const refused = ({ statusCode = 0 }: IncomingMessage) => {
      if (statusCode === 407)
        reject(new HanseError('proxyUnauthorized', { proxy: name, given: basic !== undefined }));
      else reject(failed(`it answers ${statusCode} when asked for ${target}`));
    };
    asking.on('connect', (answer: IncomingMessage, socket: Duplex, head: Buffer) => {
      if (answer.statusCode === undefined || answer.statusCode < 200 || answer.statusCode > 299) {
        socket.destroy();
        refused(answer);
        return;
      }
      if (head.length > 0) socket.unshift(head);
      resolve(socket);
    });
    asking.on('response', (answer: IncomingMessage) => {
      answer.destroy();
      refused(answer);
    });
    asking.on('timeout', () => asking.destroy(silent(idleMs)));
    asking.on('error', (error: NodeJS.ErrnoException) =>
      reject(failed(error.message || `${error.code}`, error)),
    );
    asking.end();
  });
}
