/**
 * Which entries a query asks for: SPEC.md 13.14. Pure.
 *
 * Facts of an entry are terms, such as `job:job-0123456789abcdef` or `word:revoked`; a query is terms that an entry has to have, and
 * a span of time. So an index is a list of places for each term, whoever keeps it, and a reader without one comes to the same.
 */
import type { AuditConditions } from '../../schemas/audit-query.ts';
import { HanseError } from '../problem.ts';
import type { EntryFacts } from './entry-facts.ts';

/** Words of one entry that can be found, and the letters of each that count. */
const WORDS_MAX = 4096;
const WORD_LETTERS = 64;

/** What an entry has to have. */
export interface CompiledQuery {
  readonly terms: readonly string[];
  /** Milliseconds since the epoch: from this one on, and before that one. */
  readonly since: number;
  readonly until: number;
}

/** @throws invalidFormat where no entry could ever be found by it: no word in the text, a span that ends before it begins */
export function compileQuery(query: AuditConditions): CompiledQuery {
  const { actor, organisation, dataSet, agreement, purpose, job, round, type, outcome, policy, text } = query;
  const words = text === undefined ? [] : wordsOf(text);
  if (text !== undefined && words.length === 0) throw malformed('text', 'at least one letter or digit');
  const since = query.since === undefined ? Number.NEGATIVE_INFINITY : Date.parse(query.since);
  const until = query.until === undefined ? Number.POSITIVE_INFINITY : Date.parse(query.until);
  if (since >= until) throw malformed('until', 'after since');
  const given: readonly (readonly [string, string | undefined])[] = [
    ['actor', actor],
    ['organisation', organisation],
    ['dataSet', dataSet],
    ['agreement', agreement],
    ['purpose', purpose],
    ['job', job],
    ['round', round],
    ['type', type],
    ['outcome', outcome],
    ['policy', policy],
  ];
  const terms = given.flatMap(([of, value]) => (value === undefined ? [] : [`${of}:${value}`]));
  return { terms: [...terms, ...words.map((word) => `word:${word}`)], since, until };
}

/** All that the entry can be found by, each once. */
export function termsOf(facts: EntryFacts): readonly string[] {
  const { type, outcome, round } = facts;
  const of = (name: string, values: readonly string[]) => values.map((value) => `${name}:${value}`);
  return [
    ...new Set([
      ...of('actor', facts.actors),
      ...of('organisation', facts.organisations),
      ...facts.dataSets.flatMap(({ name, version }) =>
        of('dataSet', version === undefined ? [name] : [name, `${name}@${version}`]),
      ),
      ...of('agreement', facts.agreements),
      ...of('purpose', facts.purposes),
      ...of('job', facts.jobs),
      ...(round === undefined ? [] : [`round:${round}`]),
      `type:${type}`,
      `type:${type.slice(0, type.indexOf('.'))}.*`,
      `outcome:${outcome}`,
      ...of('policy', facts.policies),
      ...of('word', wordsOf(facts.text)),
    ]),
  ];
}

export function isAskedFor({ terms, since, until }: CompiledQuery, facts: EntryFacts): boolean {
  const time = Date.parse(facts.time);
  if (time < since || time >= until) return false;
  if (terms.length === 0) return true;
  const has = new Set(termsOf(facts));
  return terms.every((term) => has.has(term));
}

/** Runs of letters and digits, as they are compared: in small letters, and the same for all forms of a letter. */
export function wordsOf(text: string): readonly string[] {
  if (text === '') return [];
  const found =
    text
      .normalize('NFKC')
      .toLowerCase()
      .match(/[\p{L}\p{N}]+/gu) ?? [];
  return [...new Set(found.slice(0, WORDS_MAX).map((word) => word.slice(0, WORD_LETTERS)))];
}

function malformed(where: string, expected: string): HanseError<'invalidFormat'> {
  return new HanseError('invalidFormat', { where, expected });
}
