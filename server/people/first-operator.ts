/**
 * How the first operator comes to sign in: by a link that is made when nobody has ever been invited, told once, and kept nowhere.
 * SPEC.md section 4.11.
 */
import { formatSignInLink } from '../../protocol/sign-in-link.ts';
import type { Actor } from '../../schemas/person.ts';
import { OPERATOR_ORGANISATION } from '../membership.ts';
import type { People } from './people.ts';

/** A day. Whoever comes too late makes another: `hanse person link`. */
const LIFETIME_SECONDS = 86_400;

export interface FirstLink {
  /** Holds the secret. */
  readonly url: string;
  readonly expiresAt: string;
}

/**
 * Undefined where people have been invited before.
 * @param by the operator who has started the coordinator
 */
export async function firstOperatorLink(people: People, by: Actor): Promise<FirstLink | undefined> {
  if (people.state.people.size > 0) return undefined;
  const operator = { organisationId: OPERATOR_ORGANISATION, role: 'operator', handle: 'operator' } as const;
  const invite = { ...operator, name: 'Operator', lifetimeSeconds: LIFETIME_SECONDS };
  const { token, expiresAt } = await people.invite(invite, by);
  const [origin = ''] = people.origin.origins;
  return { url: formatSignInLink(origin, token), expiresAt };
}
