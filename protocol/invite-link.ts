/**
 * The invite link: everything a node needs to join, in one line that fits a chat message. SPEC.md section 4.3.
 *
 * `https://coordinator.example/#invite=<token>&federation=<id>&key=<coordinator key>`: the part after # is never sent
 * to a server by a browser and is not logged by proxies.
 */
import { FederationId, PublicKey } from '../schemas/ids.ts';
import { Invite } from '../schemas/member.ts';
import { isLoopback } from './loopback.ts';
import { parse } from './parse.ts';
import { HanseError } from './problem.ts';

export interface InviteLink {
  /** Origin of the coordinator, without a trailing slash. */
  readonly server: string;
  readonly token: string;
  readonly federationId: string;
  /** Ed25519 key that the coordinator must prove to hold, hex. */
  readonly coordinatorKey: string;
}

export function formatInviteLink({ server, token, federationId, coordinatorKey }: InviteLink): string {
  return `${server}/#invite=${token}&federation=${federationId}&key=${coordinatorKey}`;
}

/** @param text typed or pasted by a person; throws `invalidFormat` */
export function parseInviteLink(text: string): InviteLink {
  const url = parseSafeUrl(
    text,
    'invite link',
    'must be a URL, whole and in quotes as `hanse invite` prints it',
  );
  const fragment = new URLSearchParams(url.hash.slice(1));
  return {
    server: url.origin,
    token: parse(Invite.properties.token, fragment.get('invite'), 'invite link, invite'),
    federationId: parse(FederationId, fragment.get('federation'), 'invite link, federation'),
    coordinatorKey: parse(PublicKey, fragment.get('key'), 'invite link, key'),
  };
}

/**
 * The address at which a coordinator is reached from outside, as its operator says it: nothing but an origin, since
 * routes and signatures begin at the root.
 * @returns without a trailing slash; throws `invalidFormat`
 */
export function parseOrigin(text: string, where: string): string {
  const url = parseSafeUrl(text, where, 'must be a URL, as https://coordinator.example');
  const { origin, username, password, pathname, search, hash } = url;
  if (username || password || pathname !== '/' || search || hash)
    throw new HanseError('invalidFormat', {
      where,
      expected: `must end after the host and port, as ${origin}`,
    });
  return origin;
}

/** Tokens do not travel in the clear: https, or http to this machine. */
function parseSafeUrl(text: string, where: string, expected: string): URL {
  let url: URL;
  try {
    url = new URL(text.trim());
  } catch {
    throw new HanseError('invalidFormat', { where, expected });
  }
  if (url.protocol !== 'https:' && !(url.protocol === 'http:' && isLoopback(url.hostname)))
    throw new HanseError('invalidFormat', {
      where,
      expected: 'must be an https URL, or http to this machine: the token would travel in the clear',
    });
  return url;
}
