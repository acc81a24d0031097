/**
 * The suites of secure aggregation: which primitives belong together, by a number. SPEC.md 11.13.
 *
 * A round names its suite and all of its participants use it: nothing is negotiated within a round, so that nobody on the
 * way can have a weaker one chosen. A participant keeps a list of those that it permits.
 */
import type { SuiteId } from '../../schemas/secagg.ts';
import type { KeyStreamName } from '../primitives.ts';
import { HanseError } from '../problem.ts';

/** Two differ in nothing but the generator of masks. */
export interface Suite {
  /** 16 bits on the wire. */
  readonly id: SuiteId;
  readonly signature: 'ed25519';
  readonly agreement: 'x25519';
  readonly derivation: 'hkdf-sha256';
  readonly seal: 'xchacha20-poly1305';
  readonly keyStream: KeyStreamName;
  /** Over GF(2^8), by the polynomial 0x11B. */
  readonly sharing: 'shamir-gf256';
}

const COMMON = {
  signature: 'ed25519',
  agreement: 'x25519',
  derivation: 'hkdf-sha256',
  seal: 'xchacha20-poly1305',
  sharing: 'shamir-gf256',
} as const;

/** All there are. */
export const SUITES: readonly Suite[] = [
  { id: 0x0001, ...COMMON, keyStream: 'aes-256-ctr' },
  { id: 0x0002, ...COMMON, keyStream: 'chacha20' },
];

export const SUITE_IDS: readonly SuiteId[] = SUITES.map(({ id }) => id);

/**
 * The suite that a round names.
 * @param id attacker-controlled, any number
 * @param permitted by whoever asks
 * @throws `suiteRefused` for one that is not permitted, or that nobody knows
 */
export function suiteOf(id: number, permitted: readonly SuiteId[] = SUITE_IDS): Suite {
  const suite = SUITES.find((known) => known.id === id);
  if (!suite || !permitted.includes(suite.id)) throw new HanseError('suiteRefused', { suite: id, permitted });
  return suite;
}
