/**
 * Which proxy a connection goes through: the one that was named, else that of the environment, as curl(1) reads it.
 *
 * `HTTPS_PROXY`, else `ALL_PROXY`, is for `https` addresses; what is written in lower case wins. `NO_PROXY` lists
 * hosts, separated by commas or spaces, that are reached directly: `*` is all of them, `example.org` and `.example.org`
 * are that host and all below it, and a port behind a colon limits an entry to that port. Ranges of addresses are not
 * read. This machine is never reached through a proxy, and so `HTTP_PROXY` has no use: outside of this machine only TLS
 * is spoken. Pure.
 */
import { isLoopback } from '../protocol/loopback.ts';
import { HanseError } from '../protocol/problem.ts';
import { Secret } from '../protocol/secret.ts';
import { bareHost } from '../protocol/url-host.ts';

export interface ProxyAddress {
  /** Host and port, as people may be told. */
  readonly name: string;
  readonly isTls: boolean;
  /** IPv6 without brackets. */
  readonly host: string;
  readonly port: number;
  /** Of the header Proxy-Authorization: RFC 7617. */
  readonly authorization?: Secret;
}

export type Environment = Readonly<Record<string, string | undefined>>;

/**
 * Undefined: directly.
 * @param host a name or an address; IPv6 with or without brackets
 * @param named the address of a proxy that was named: then the environment does not count
 * @throws `usage` where the proxy has no address
 */
export function proxyFor(
  host: string,
  port: number,
  environment: Environment,
  named?: string,
): ProxyAddress | undefined {
  if (isLoopback(host)) return undefined;
  if (named !== undefined) return parseProxy(named, '--proxy');
  const set = settingOf(environment, 'https_proxy') ?? settingOf(environment, 'all_proxy');
  if (set === undefined || isExcepted(host, port, settingOf(environment, 'no_proxy') ?? '')) return undefined;
  return parseProxy(set, 'HTTPS_PROXY');
}

/**
 * `http://`, or `https://` for a proxy that speaks TLS itself; without either it is `http`. Credentials stand before
 * an @, with % before what would be read otherwise.
 * @param where for messages; nothing of the text is in them, since it may hold a password
 * @throws `usage`
 */
export function parseProxy(text: string, where: string): ProxyAddress {
  const invalid = new HanseError('usage', {
    reason: `${where} is not the address of a proxy: write http://proxy.example:3128`,
  });
  if (!URL.canParse(text.includes('://') ? text : `http://${text}`)) throw invalid;
  const url = new URL(text.includes('://') ? text : `http://${text}`);
  const { protocol, hostname, pathname, search, hash, username, password } = url;
  const isTls = protocol === 'https:';
  if (!(isTls || protocol === 'http:') || pathname !== '/' || search !== '' || hash !== '') throw invalid;
  const port = Number(url.port || (isTls ? 443 : 80));
  const proxy = { name: `${hostname}:${port}`, isTls, host: bareHost(hostname), port };
  if (username === '' && password === '') return proxy;
  let credentials: string;
  try {
    credentials = `${decodeURIComponent(username)}:${decodeURIComponent(password)}`;
  } catch {
    throw invalid;
  }
  return { ...proxy, authorization: new Secret(new TextEncoder().encode(credentials)) };
}

function settingOf(environment: Environment, name: string): string | undefined {
  return environment[name]?.trim() || environment[name.toUpperCase()]?.trim() || undefined;
}

function isExcepted(host: string, port: number, list: string): boolean {
  const wanted = bareHost(host.toLowerCase()).replace(/\.$/, '');
  return list.split(/[\s,]+/).some((entry) => {
    if (entry === '*') return true;
    const { name, only } = exceptionOf(entry.toLowerCase());
    if (only !== undefined && Number(only) !== port) return false;
    const suffix = name.replace(/^\*?\./, '');
    return suffix !== '' && (wanted === suffix || wanted.endsWith(`.${suffix}`));
  });
}

/** An IPv6 address has colons of its own: with a port it stands in brackets. */
function exceptionOf(entry: string): { name: string; only?: string } {
  const isAddress = !entry.startsWith('[') && entry.split(':').length > 2;
  const [, name = entry, only] = isAddress ? [] : (/^\[?(.*?)\]?(?::([0-9]+))?$/.exec(entry) ?? []);
  return only === undefined ? { name } : { name, only };
}
