/**
 * Known answers of other accountants: those kept here, and the whole set where it lies beside this checkout.
 */
import { existsSync, readFileSync } from 'node:fs';
import type { Neighbouring } from '../../../schemas/dp-event.ts';

export interface ReferenceCase {
  readonly id: string;
  readonly kind: string;
  readonly neighbouring: Neighbouring;
  readonly event: unknown;
  readonly rdp?: {
    readonly epsilon: Readonly<Record<string, number>>;
    readonly rdpAtOrder: Readonly<Record<string, number | 'inf'>>;
  };
  readonly exact?: { readonly epsilon: Readonly<Record<string, number>> };
  readonly [parameter: string]: unknown;
}

const KEPT = new URL('../../vectors/dp/accounting.json', import.meta.url);
const WHOLE = new URL('../../../../shared/vectors/dp/reference.json', import.meta.url);

export const hasWholeSet = existsSync(WHOLE);
export const referenceCases: readonly ReferenceCase[] = JSON.parse(
  readFileSync(hasWholeSet ? WHOLE : KEPT, 'utf8'),
).cases;

export function casesOf(kind: string): readonly ReferenceCase[] {
  return referenceCases.filter((one) => one.kind === kind);
}

/** Fails as a test would, if a case does not have the number. */
export function numberOf(one: Readonly<Record<string, unknown>>, name: string): number {
  const value = one[name];
  if (typeof value !== 'number') throw new Error(`no number ${name}`);
  return value;
}
