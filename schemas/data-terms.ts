/**
 * On what terms a data set may be used, as its owner declares them: where it comes from, what permits its processing, until when
 * it may be used, whom to ask. SPEC.md 6.6. Declared, and checked by nobody but its owner.
 */
import { type Static, Type } from 'typebox';
import { PRINTABLE } from './ids.ts';

/**
 * What permits the processing: GDPR article 6(1), and its counterpart in PIPL article 13.
 *
 * consent: 6(1)(a); 13(1). contract: 6(1)(b); 13(2), with human resources under a collective contract. legalObligation: 6(1)(c);
 * 13(3). vitalInterests: 6(1)(d); 13(4), with emergencies of public health. publicTask: 6(1)(e); 13(3).
 * legitimateInterests: 6(1)(f); PIPL knows none. publicReporting: 13(5). disclosedByPerson: 13(6), what persons have made
 * public themselves or is public by law. otherLaw: 13(7). notPersonal: the data are about no natural person.
 */
export const LawfulBasis = Type.Union([
  Type.Literal('consent'),
  Type.Literal('contract'),
  Type.Literal('legalObligation'),
  Type.Literal('vitalInterests'),
  Type.Literal('publicTask'),
  Type.Literal('legitimateInterests'),
  Type.Literal('publicReporting'),
  Type.Literal('disclosedByPerson'),
  Type.Literal('otherLaw'),
  Type.Literal('notPersonal'),
]);
export type LawfulBasis = Static<typeof LawfulBasis>;

const [YEARS, MONTHS, WEEKS, DAYS] = [
  '(?:[0-9]{1,3}Y)',
  '(?:[0-9]{1,3}M)',
  '(?:[0-9]{1,3}W)',
  '(?:[0-9]{1,5}D)',
];

/**
 * The last day of use (UTC), or a first day and an ISO 8601 duration of years, months, weeks and days, or `unlimited`, which data
 * about persons cannot be unless they are public. That a day exists is checked by `protocol/compliance/retention-period.ts`.
 */
export const RetentionPeriod = Type.String({
  pattern: `^(?:unlimited|[0-9]{4}-[0-9]{2}-[0-9]{2}(?:/P(?:${YEARS}${MONTHS}?${WEEKS}?${DAYS}?|${MONTHS}${WEEKS}?${DAYS}?|${WEEKS}${DAYS}?|${DAYS}))?)$`,
  maxLength: 40,
  description: '2030-12-31, 2024-01-01/P5Y, or unlimited',
});
export type RetentionPeriod = Static<typeof RetentionPeriod>;

const Text = Type.String({ minLength: 1, maxLength: 200, pattern: PRINTABLE });

export const DataTerms = Type.Object(
  {
    /** Where the data come from, in words. */
    origin: Text,
    lawfulBasis: LawfulBasis,
    retention: RetentionPeriod,
    /** Whom to ask: better an office than a person. */
    contact: Text,
  },
  { additionalProperties: false },
);
export type DataTerms = Static<typeof DataTerms>;
