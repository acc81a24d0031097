/** How one set of policies differs from another, policy by policy: their order decides nothing. */
import { type PolicyTexts, parsePolicies } from './policy-text.ts';

/** As long as an entry of the audit log can tell it. */
export const DIFF_MAX = 16_384;
const CUT = '... the rest is left out\n';
/** The first half of a character, of which the other is left out: no entry can hold it. */
const HALF = /[\ud800-\udbff]$/;

export interface PolicyChanges {
  readonly added: readonly string[];
  readonly removed: readonly string[];
  readonly changed: readonly string[];
  /** Lines that are gone begin with `-`, lines that are new with `+`; at most `DIFF_MAX` characters. */
  readonly diff: string;
}

/** Of two texts of which each is sound. */
export function policyChanges(before: string, after: string): PolicyChanges {
  const [old, next] = [parsePolicies(before), parsePolicies(after)];
  const ids = [...new Set([...old.keys(), ...next.keys()])].sort();
  const added = ids.filter((id) => !old.has(id));
  const removed = ids.filter((id) => !next.has(id));
  const changed = ids.filter((id) => old.has(id) && next.has(id) && old.get(id) !== next.get(id));
  const told = new Set([...added, ...removed, ...changed]);
  const whole = ids
    .filter((id) => told.has(id))
    .map((id) => `${lines('-', old, id)}${lines('+', next, id)}`)
    .join('');
  const begin = whole.slice(0, DIFF_MAX - CUT.length - 1).replace(HALF, '');
  const diff = whole.length <= DIFF_MAX ? whole : `${begin}\n${CUT}`;
  return { added, removed, changed, diff };
}

function lines(mark: string, policies: PolicyTexts, id: string): string {
  const text = policies.get(id);
  if (text === undefined) return '';
  return text
    .trim()
    .split('\n')
    .map((line) => `${mark} ${line}\n`)
    .join('');
}
