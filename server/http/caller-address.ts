/**
 * From where a request comes, as far as its limits go: an IPv4 address, or the /64 of an IPv6 address, which is what a
 * single subscriber has (RFC 6177).
 *
 * Behind a proxy the connection is the proxy's, and the header X-Forwarded-For says whose request it passes on. Only its
 * last part was written by the proxy; those before it are the caller's own words. Without a proxy none of it is read.
 */
import type { IncomingMessage } from 'node:http';
import { isIPv4, isIPv6 } from 'node:net';

const GROUPS = 8;
const GROUPS_OF_A_NETWORK = 4;
const IPV4_IN_IPV6 = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i;

/**
 * @param isProxied whether all requests come through a proxy
 * @returns undefined where the proxy does not say from whom a request comes
 */
export function callerAddress(
  { socket, headers }: Pick<IncomingMessage, 'socket' | 'headers'>,
  isProxied: boolean,
): string | undefined {
  if (!isProxied) return networkOf(socket.remoteAddress ?? '');
  const { 'x-forwarded-for': forwarded } = headers;
  const said = Array.isArray(forwarded) ? forwarded.join(',') : forwarded;
  return networkOf(said?.split(',').at(-1)?.trim() ?? '');
}

/** @returns undefined for what is no address */
export function networkOf(address: string): string | undefined {
  const [bare = ''] = address.split('%'); // fe80::1%eth0
  const [, mapped] = IPV4_IN_IPV6.exec(bare) ?? [];
  if (mapped !== undefined && isIPv4(mapped)) return mapped;
  if (isIPv4(bare)) return bare;
  if (!isIPv6(bare)) return undefined;
  const [head = '', tail] = bare.split('::');
  const before = groupsOf(head);
  const after = tail === undefined ? [] : groupsOf(tail);
  const zeros = tail === undefined ? 0 : GROUPS - before.length - after.length;
  const groups = [...before, ...Array.from({ length: zeros }, () => 0), ...after];
  const network = groups.slice(0, GROUPS_OF_A_NETWORK).map((group) => group.toString(16));
  return `${network.join(':')}::/64`;
}

/** Of 16 bits; an IPv4 address at the end is two. */
function groupsOf(part: string): number[] {
  if (part === '') return [];
  return part.split(':').flatMap((group) => {
    if (!group.includes('.')) return [Number.parseInt(group, 16)];
    const [a = 0, b = 0, c = 0, d = 0] = group.split('.').map(Number);
    return [a * 256 + b, c * 256 + d];
  });
}
