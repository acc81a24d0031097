/** What may become of one unit between two neighbouring data sets, in words. SPEC.md 12.1. */
import type { Neighbouring } from '../../schemas/dp-event.ts';

export const NEIGHBOURING_WORDS = {
  'add-or-remove-one': 'added or removed',
  'replace-one': 'exchanged for any other',
  'replace-special': 'its contribution zeroed',
} as const satisfies Record<Neighbouring, string>;
