/**
 * The link by which a person signs in once: `https://coordinator.example/sign-in#link=<token>`. SPEC.md section 4.11. What follows upon
 * # a browser sends to nobody, so that no server and no proxy writes it down.
 */
import { LinkToken } from '../schemas/person.ts';
import { parse } from './parse.ts';

export const SIGN_IN_PATH = '/sign-in';

/** @param origin where browsers find the coordinator, without a trailing slash */
export function formatSignInLink(origin: string, token: LinkToken): string {
  return `${origin}${SIGN_IN_PATH}#link=${token}`;
}

/** The token of what stands behind the address, with its #; undefined where there is none. Throws `invalidFormat`. */
export function linkTokenIn(fragment: string): LinkToken | undefined {
  const token = new URLSearchParams(fragment.replace(/^#/, '')).get('link');
  return token === null ? undefined : parse(LinkToken, token, 'sign-in link');
}
