/**
 * At which origin browsers find a coordinator, and whether a request comes from a page of it. SPEC.md section 4.11.
 *
 * A browser sends the cookie of a session along with whatever another site makes it ask for, unless `SameSite` keeps it. That is not
 * all that is relied upon: the browser also has to say that the page is of this origin (Fetch Metadata, `Origin`), and the request
 * has to have a header that no form can set.
 */
import { HanseError } from '../../protocol/problem.ts';
import { VERSION_HEADER } from '../../protocol/versions.ts';

export interface WebOrigin {
  /** Of the pages: `https://coordinator.example`; the first is the one that links name. */
  readonly origins: readonly string[];
  /** Of passkeys (Web Authentication Level 3, section 5.1.2): the host. An address is none; there passkeys do not work. */
  readonly rpId: string;
  /** Whether browsers have TLS as far as here. */
  readonly isSecure: boolean;
}

/**
 * Without TLS a coordinator is on this machine, and browsers call it `localhost`: an IP address has no passkeys.
 * @param publicServer origin at which others reach it, where there is one
 * @param local origin at which this machine does
 */
export function webOriginOf(publicServer: string | undefined, local: string): WebOrigin {
  const { origin, hostname, protocol } = new URL(publicServer ?? local);
  const isSecure = protocol === 'https:';
  if (isSecure || !/^(127\.0\.0\.1|\[::1\]|localhost)$/.test(hostname))
    return { origins: [origin], rpId: hostname, isSecure };
  const named = new URL(origin);
  named.hostname = 'localhost';
  const origins = [...new Set([named.origin, origin])];
  return { origins, rpId: 'localhost', isSecure };
}

/** Names in lower case. All of it is attacker-controlled, as far as the other side is no browser. */
type Headers = Readonly<Record<string, string | string[] | undefined>>;

/**
 * To be called for each request that a cookie comes with, and for those that set one.
 * @param isSafe it changes nothing: GET
 * @throws `originRefused`
 */
export function requireSameOrigin(headers: Headers, { origins }: WebOrigin, isSafe: boolean): void {
  const refused = (reason: string) => new HanseError('originRefused', { reason });
  if (headers[VERSION_HEADER] === undefined) throw refused(`no header ${VERSION_HEADER}`);
  const { 'sec-fetch-site': site, origin } = headers;
  if (site !== undefined && site !== 'same-origin') throw refused('it is made by a page of another site');
  if (origin !== undefined && !(typeof origin === 'string' && origins.includes(origin)))
    throw refused('it is made by a page of another origin');
  if (!isSafe && site === undefined && origin === undefined)
    throw refused('it does not say of which origin the page is that makes it');
}
