/**
 * The invite link: everything a node needs to join, in one line that fits a chat message. SPEC.md section 4.3.
 *
 * `https://coordinator.example/#invite=<token>&federation=<id>&key=<coordinator key>&organisation=<id>&role=<role>`: the
 * part after # is never sent to a server by a browser and is not logged by proxies.
 */
import { FederationId, OrganisationId, PublicKey } from '../schemas/ids.ts';
import { Invite, Role } from '../schemas/member.ts';
import { requireConfidential } from './loopback.ts';
import { parse } from './parse.ts';
import { HanseError } from './problem.ts';

export interface InviteLink {
  /** Origin of the coordinator, without a trailing slash. */
  readonly server: string;
  readonly token: string;
  readonly federationId: string;
  /** Ed25519 key that the coordinator must prove to hold, hex. */
  readonly coordinatorKey: string;
  /** What the organisation is to admit the node to, and as what: the coordinator accepts nothing else. */
  readonly organisationId: string;
  readonly role: Role;
  /** Ed25519 key of the log that the federation keeps, hex; absent where there is none. */
  readonly logKey?: string;
}

export function formatInviteLink({ server, organisationId, role, logKey, ...link }: InviteLink): string {
  const { token, federationId, coordinatorKey } = link;
  const log = logKey === undefined ? '' : `&log=${logKey}`;
  return (
    `${server}/#invite=${token}&federation=${federationId}&key=${coordinatorKey}` +
    `&organisation=${organisationId}&role=${role}${log}`
  );
}

const PARTS = ['invite', 'federation', 'key', 'organisation', 'role'] as const;

/** @param text typed or pasted by a person; throws `invalidFormat`, `plainHttpRefused` */
export function parseInviteLink(text: string): InviteLink {
  const url = parseSafeUrl(
    text,
    'invite link',
    'must be a URL, whole, as `hanse invite` prints it; in a shell in quotes',
  );
  const fragment = new URLSearchParams(url.hash.slice(1));
  for (const part of PARTS)
    if (!fragment.has(part))
      throw new HanseError('invalidFormat', {
        where: `invite link, ${part}`,
        expected: `must be there: the link is cut off. Give it whole; in a shell put it in quotes`,
      });
  const log = fragment.get('log');
  return {
    server: url.origin,
    token: parse(Invite.properties.token, fragment.get('invite'), 'invite link, invite'),
    federationId: parse(FederationId, fragment.get('federation'), 'invite link, federation'),
    coordinatorKey: parse(PublicKey, fragment.get('key'), 'invite link, key'),
    organisationId: parse(OrganisationId, fragment.get('organisation'), 'invite link, organisation'),
    role: parse(Role, fragment.get('role'), 'invite link, role'),
    ...(log !== null && { logKey: parse(PublicKey, log, 'invite link, log') }),
  };
}

/**
 * The address at which a coordinator is reached from outside, as its operator says it: nothing but an origin, since
 * routes and signatures begin at the root.
 * @returns without a trailing slash; throws `invalidFormat`, `plainHttpRefused`
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

/** Tokens do not travel in the clear: https, or http to this machine (`plainHttpRefused`). */
function parseSafeUrl(text: string, where: string, expected: string): URL {
  let url: URL;
  try {
    url = new URL(text.trim());
  } catch {
    throw new HanseError('invalidFormat', { where, expected });
  }
  if (url.protocol !== 'https:' && url.protocol !== 'http:')
    throw new HanseError('invalidFormat', { where, expected: 'must be an https URL' });
  requireConfidential(url);
  return url;
}
