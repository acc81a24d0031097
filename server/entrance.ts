/**
 * How a coordinator is reached: the rules that keep plain HTTP on this machine. SPEC.md section 1.
 */
import { parseOrigin } from '../protocol/invite-link.ts';
import { isLoopback } from '../protocol/loopback.ts';
import { asUsage } from '../protocol/parse.ts';
import { HanseError } from '../protocol/problem.ts';
import { bareHost, hostInUrl } from '../protocol/url-host.ts';
import { readTlsCredentials, type TlsCredentials, type TlsFiles } from './tls-credentials.ts';

/** As the operator says it. */
export interface EntranceOptions {
  readonly host: string;
  readonly publicUrl?: string;
  readonly tlsCert?: string;
  readonly tlsKey?: string;
  readonly behindProxy?: boolean;
}

export interface Entrance {
  /** Both or neither. */
  readonly tls?: { readonly files: TlsFiles; readonly credentials: TlsCredentials };
  /** Origin that invite links name, where the operator has said one. */
  readonly publicServer?: string;
}

/** Where a coordinator is, once it listens. */
export interface Addresses {
  /** Origin at which this machine reaches it. */
  readonly url: string;
  /** Origin at which others do, if it is another. */
  readonly publicServer?: string;
  /** What the operator's identity must know to use `url`. */
  readonly operator: { readonly server: string; readonly ca?: string; readonly tlsName?: string };
}

/**
 * @param now milliseconds
 * @throws `plainHttpRefused` for an address beyond this machine without TLS; `tlsFileInvalid`; `usage`
 */
export function entranceOf(options: EntranceOptions, now: number): Entrance {
  const { host, publicUrl, tlsCert, tlsKey, behindProxy = false } = options;
  const publicServer =
    publicUrl === undefined ? undefined : asUsage(() => parseOrigin(publicUrl, '--public-url'));
  const named = publicServer === undefined ? {} : { publicServer };
  if (tlsCert === undefined && tlsKey === undefined) {
    if (isLoopback(host)) return named;
    if (!behindProxy) throw new HanseError('plainHttpRefused', { url: `http://${hostInUrl(host)}` });
    if (publicServer?.startsWith('https:')) return named;
    throw usage('--behind-proxy: name the https address of the proxy by --public-url');
  }
  if (tlsCert === undefined || tlsKey === undefined) throw usage('--tls-cert and --tls-key belong together');
  const files = { cert: tlsCert, key: tlsKey };
  const credentials = readTlsCredentials(files, now);
  requireName(credentials, files, publicServer, behindProxy);
  return { tls: { files, credentials }, ...named };
}

/** Whether all requests come through a proxy, whose word on where they come from is taken. */
export function isProxied({ publicUrl, tlsCert, behindProxy = false }: EntranceOptions): boolean {
  return behindProxy || (tlsCert === undefined && publicUrl !== undefined);
}

/**
 * A renewed certificate has to be for the same address.
 * @throws `tlsFileInvalid`
 */
export function requireName(
  credentials: TlsCredentials,
  files: TlsFiles,
  publicServer: string | undefined,
  behindProxy: boolean,
): void {
  const invalid = (reason: string) => new HanseError('tlsFileInvalid', { file: files.cert, reason });
  const host = publicServer === undefined ? undefined : new URL(publicServer).hostname;
  if (host === undefined || behindProxy) {
    if (plainName(credentials) === undefined)
      throw invalid('it names no host without a wildcard (subjectAltName): say one by --public-url');
  } else if (!credentials.covers(host))
    throw invalid(`it is not for ${host}, but for ${credentials.names.join(', ') || 'no host'}`);
}

/** @param port on which the coordinator listens */
export function addressesOf({ tls, publicServer }: Entrance, host: string, port: number): Addresses {
  const local = `${tls ? 'https' : 'http'}://${hostInUrl(thisMachine(host))}:${port}`;
  if (!tls) {
    const named = publicServer === undefined ? {} : { publicServer };
    // An address of this machine that is not loopback is for the proxy alone: everybody else goes through it.
    const server = isLoopback(thisMachine(host)) ? local : (publicServer ?? local);
    return { url: local, ...named, operator: { server } };
  }
  const { credentials } = tls;
  const outside =
    publicServer ?? new URL(`https://${hostInUrl(plainName(credentials) ?? host)}:${port}`).origin;
  const { hostname } = new URL(outside);
  const tlsName = credentials.covers(hostname) ? bareHost(hostname) : plainName(credentials);
  return {
    url: local,
    publicServer: outside,
    operator: { server: local, ca: credentials.chain, ...(tlsName !== undefined && { tlsName }) },
  };
}

/** The first that is a host and no pattern. */
function plainName({ names }: TlsCredentials): string | undefined {
  return names.find((name) => !name.includes('*'));
}

/** Where a wildcard address is reached from here. */
function thisMachine(host: string): string {
  if (host === '0.0.0.0') return '127.0.0.1';
  return host === '::' ? 'localhost' : host;
}

function usage(reason: string): HanseError {
  return new HanseError('usage', { reason });
}
