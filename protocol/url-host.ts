/**
 * Hosts within URLs and without: only a URL puts an IPv6 address into brackets (RFC 3986, section 3.2.2).
 */

/** @param host as in a URL or not */
export function bareHost(host: string): string {
  return host.replace(/^\[(.*)\]$/, '$1');
}

/** As it stands before a port. @param host as in a URL or not */
export function hostInUrl(host: string): string {
  return host.includes(':') && !host.startsWith('[') ? `[${host}]` : host;
}
