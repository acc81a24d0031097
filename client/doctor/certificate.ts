/**
 * The TLS certificate that a server shows: by whom it was made, whether this node would take it, and for how long.
 * Nothing is sent over the connection. Node only.
 */
import { connect as connectTcp } from 'node:net';
import type { Duplex } from 'node:stream';
import { connect as connectTls, type TLSSocket } from 'node:tls';
import { HanseError } from '../../protocol/problem.ts';
import { bareHost } from '../../protocol/url-host.ts';
import { silent } from '../exchange.ts';
import type { ProxyAddress } from '../proxy-choice.ts';
import { openTunnel } from '../proxy-tunnel.ts';
import { tlsProblem } from '../tls-problem.ts';
import { type Trust, trustOptions } from '../tls-trust.ts';
import { type Finding, failure } from './finding.ts';

const DAY_MS = 86_400_000;
/** Before its end a certificate should be renewed so long. */
const COMFORTABLE_DAYS = 14;

export interface CertificateCheck {
  /** Origin of the coordinator. */
  readonly server: string;
  readonly trust: Trust;
  readonly proxy: ProxyAddress | undefined;
  /** Milliseconds since 1970. */
  readonly now: number;
  /** Longest silence. */
  readonly idleMs: number;
}

export async function certificate({ server, trust, proxy, now, idleMs }: CertificateCheck): Promise<Finding> {
  const check = 'TLS';
  const { protocol, hostname, port } = new URL(server);
  const remedy = 'Ask the operator to renew the certificate.';
  if (protocol === 'http:')
    return { check, ok: true, needed: false, detail: 'none; plain HTTP stays on this machine', remedy };
  const host = bareHost(hostname);
  try {
    const beneath = proxy
      ? await openTunnel(proxy, host, Number(port || 443), idleMs)
      : connectTcp(Number(port || 443), host);
    const socket = await shake(beneath, host, trust, idleMs);
    const { issuer, subject, valid_to } = socket.getPeerCertificate();
    const days = Math.floor((Date.parse(valid_to) - now) / DAY_MS);
    const version = socket.getProtocol() ?? 'TLS';
    socket.destroy();
    const issuedBy = nameOf(issuer) ?? 'nobody';
    const by = issuedBy === nameOf(subject) ? 'itself' : issuedBy;
    const detail = `${version}, certificate by ${by}, ${days} days left`;
    if (!socket.authorized) {
      const reason = `${socket.authorizationError}`;
      const problem = tlsProblem(server, Object.assign(new Error(reason), { code: reason }));
      const { code, remedy: advice } = problem ?? new HanseError('tlsUntrusted', { url: server, reason });
      return { check, ok: false, needed: true, detail: `${code}: ${reason}; ${detail}`, remedy: advice };
    }
    return { check, ok: days >= COMFORTABLE_DAYS, needed: false, detail: `verified, ${detail}`, remedy };
  } catch (error) {
    const { message = String(error) } = error as Error;
    return failure(
      check,
      error instanceof HanseError
        ? error
        : new HanseError('coordinatorUnreachable', { url: server, reason: message }),
    );
  }
}

/** Resolves also for a certificate that is not accepted: `authorized` tells. */
function shake(beneath: Duplex, host: string, { ca, tlsName }: Trust, idleMs: number): Promise<TLSSocket> {
  const options = trustOptions({ ca, tlsName: tlsName ?? host });
  return new Promise((resolve, reject) => {
    const socket = connectTls({ ...options, socket: beneath, host, rejectUnauthorized: false });
    socket.setTimeout(idleMs, () => socket.destroy(silent(idleMs)));
    socket.once('secureConnect', () => resolve(socket));
    socket.once('error', reject);
    beneath.once('error', reject);
  });
}

function nameOf(party: { CN?: string | string[]; O?: string | string[] } | undefined): string | undefined {
  const name = party?.CN ?? party?.O;
  return Array.isArray(name) ? name.join(', ') : name;
}
