/**
 * Hosts that are this machine: where plain HTTP does not leave it. SPEC.md sections 1 and 4.3.
 */
import { HanseError } from './problem.ts';

/**
 * Throws `plainHttpRefused` for an address to which requests would travel in the clear.
 * @param url an absolute one, of http or https
 */
export function requireConfidential(url: URL): void {
  if (url.protocol === 'http:' && !isLoopback(url.hostname))
    throw new HanseError('plainHttpRefused', { url: url.origin });
}

/**
 * `localhost`, `127.0.0.0/8` and `::1`.
 * @param host a name or an address; IPv6 with or without the brackets that a URL puts around it
 */
export function isLoopback(host: string): boolean {
  if (host === 'localhost' || host === '::1' || host === '[::1]') return true;
  const octets = host.split('.');
  return octets.length === 4 && octets[0] === '127' && octets.every(isOctet);
}

function isOctet(text: string): boolean {
  return /^(0|[1-9][0-9]{0,2})$/.test(text) && Number(text) <= 255;
}
