/**
 * What `hanse join` is to do, from its options or from the configuration file that takes their place.
 */
import { asUsage, parse } from '../../protocol/parse.ts';
import { HanseError } from '../../protocol/problem.ts';
import type { DataTerms } from '../../schemas/data-terms.ts';
import { DataBudget } from '../../schemas/node-config.ts';
import type { CostLimits, NodePolicy } from '../../schemas/node-policy.ts';
import type { BudgetUnit } from '../../schemas/privacy-ledger.ts';
import type { ProviderName } from '../../schemas/provider.ts';
import type { DataSet } from '../data/data-set.ts';
import { type DataSource, loadExamples } from '../data/data-source.ts';
import type { PassphraseSource } from '../passphrase.ts';
import type { AdmissionOptions } from './admission-options.ts';
import { columnsOf, type DataOptions } from './data-options.ts';
import type { ProxyOptions } from './proxy-option.ts';
import { type TermsOptions, termsFrom, termsOf } from './terms-options.ts';

export interface JoinOptions
  extends Partial<DataOptions>,
    TermsOptions,
    AdmissionOptions,
    ProxyOptions,
    PassphraseSource {
  readonly config?: string;
  readonly identity: string;
  readonly name: string;
  readonly provider: 'auto' | ProviderName;
  readonly threads: number;
  readonly allowSingleClass?: boolean;
  readonly dataSetVersion: string;
  readonly privacyBudget?: string;
  readonly privacyUnit?: BudgetUnit;
  readonly inspect?: boolean;
  readonly allowPlain?: boolean;
  readonly trustCoordinator?: boolean;
  readonly seed?: string;
  readonly dropOut?: string;
  readonly ca?: string;
}

export interface JoinPlan {
  readonly identity: string;
  readonly name: string;
  /** Where the coordinator is, if the identity file does not say. */
  readonly server?: string;
  readonly provider: 'auto' | ProviderName;
  readonly threads: number;
  /** Empty: the member has no data. */
  readonly sources: readonly PlannedDataSet[];
  readonly policy: NodePolicy;
  readonly limits: CostLimits;
  readonly access: Access;
}

/** How the coordinator is reached, and the node let in: a command line has the last word on what a file says. */
export interface Access extends AdmissionOptions, ProxyOptions, PassphraseSource {
  /** Path of certificates in PEM. */
  readonly ca?: string;
}

interface PlannedDataSet extends DataSource {
  /** Absent: as the examples are called. */
  readonly name?: string;
  readonly version: string;
  readonly allowSingleClass: boolean;
  readonly budget?: DataBudget;
  readonly terms?: DataTerms;
}

/** Options that a configuration file takes the place of, as they are written. */
const REPLACED: Readonly<Record<string, string>> = {
  data: '--data',
  rows: '--rows',
  features: '--features',
  target: '--target',
  classes: '--classes',
  personColumn: '--person-column',
  identity: '--identity',
  name: '--name',
  provider: '--provider',
  threads: '--threads',
  allowSingleClass: '--allow-single-class',
  allowPlain: '--allow-plain (allowPlainAggregation of the policy)',
  trustCoordinator: '--trust-coordinator (allowTrustedCoordinator of the policy)',
  dataSetVersion: '--data-set-version',
  origin: '--origin',
  lawfulBasis: '--lawful-basis',
  retention: '--retention',
  contact: '--contact',
  privacyBudget: '--privacy-budget (privacy.budget of a data set)',
  privacyUnit: '--privacy-unit (privacy.budget.unit of a data set)',
};

/**
 * @param defaults of the options: one that differs was given
 * @throws `configInvalid`, `usage`, `dataFileMissing`
 */
export async function planJoin(options: JoinOptions, defaults: Partial<JoinOptions>): Promise<JoinPlan> {
  if (options.config === undefined) return fromOptions(options);
  for (const [key, flag] of Object.entries(REPLACED)) {
    const name = key as keyof JoinOptions;
    if (options[name] !== undefined && options[name] !== defaults[name])
      throw new HanseError('usage', { reason: `${flag}: write it into ${options.config}` });
  }
  // The parser of YAML is loaded only where there is some.
  const { readNodeConfig, sourceOf } = await import('../config/node-config.ts');
  const config = await readNodeConfig(options.config);
  const { identity, server, name, provider, data, policy, limits } = config;
  const { threads = 1, ...costs } = limits ?? {};
  return {
    identity,
    name: name ?? options.name,
    ...(server !== undefined && { server }),
    provider: provider ?? 'auto',
    threads,
    sources: data.map((set) => ({
      ...sourceOf(set),
      name: set.name,
      version: set.version,
      allowSingleClass: set.allowSingleClass ?? false,
      terms: termsOf(set),
      ...(set.privacy && { budget: set.privacy.budget }),
    })),
    policy: policy ?? {},
    limits: costs,
    access: { ...accessOf(config), ...accessOf(options) },
  };
}

/** What admits a node is said in one of two ways, and whoever says one takes the other back. */
function accessOf({ ca, proxy, passphraseFile, admission, organisationKey }: Access): Access {
  const isAdmitted = admission !== undefined || organisationKey !== undefined;
  return {
    ...(ca !== undefined && { ca }),
    ...(proxy !== undefined && { proxy }),
    ...(passphraseFile !== undefined && { passphraseFile }),
    ...(isAdmitted && ({ admission, organisationKey } as AdmissionOptions)),
  };
}

function fromOptions(options: JoinOptions): JoinPlan {
  const { identity, name, provider, threads, data, dataSetVersion: version } = options;
  const allowSingleClass = options.allowSingleClass ?? false;
  const source = data === undefined ? undefined : { ...options, data };
  const budget = budgetFrom(options);
  const terms = data === undefined ? undefined : termsFrom(data, options);
  const sources = source
    ? [
        {
          ...{ ...source, ...columnsOf(source), version, allowSingleClass },
          ...(budget && { budget }),
          ...(terms && { terms }),
        },
      ]
    : [];
  const policy = {
    ...(options.allowPlain && { allowPlainAggregation: true }),
    ...(options.trustCoordinator && { allowTrustedCoordinator: true }),
  };
  return { identity, name, provider, threads, sources, policy, limits: {}, access: accessOf(options) };
}

/** From `8,1e-6`. Throws `usage`. */
function budgetFrom({ privacyBudget, privacyUnit: unit }: JoinOptions): DataBudget | undefined {
  if (privacyBudget === undefined) {
    if (unit === undefined) return undefined;
    throw new HanseError('usage', { reason: '--privacy-unit belongs to --privacy-budget' });
  }
  const [epsilon = '', delta = '', ...more] = privacyBudget.split(',').map((part) => part.trim());
  if (epsilon === '' || delta === '' || more.length > 0)
    throw new HanseError('usage', { reason: '--privacy-budget: epsilon and delta, such as 8,1e-6' });
  const budget = { epsilon: Number(epsilon), delta: Number(delta), ...(unit && { unit }) };
  return asUsage(() => parse(DataBudget, budget, '--privacy-budget'));
}

/**
 * Reads the data sets. Throws as `loadExamples`, `dataEmpty`, and `dataWithoutPersons` where persons have a budget and nobody
 * said whose the rows are.
 */
export async function loadDataSets(sources: readonly PlannedDataSet[]): Promise<DataSet[]> {
  const sets: DataSet[] = [];
  for (const { name, version, allowSingleClass, budget, terms, ...source } of sources) {
    const loaded = await loadExamples(source);
    if (loaded.count === 0) throw new HanseError('dataEmpty', { source: loaded.name });
    if (budget?.unit === 'person' && !loaded.persons)
      throw new HanseError('dataWithoutPersons', { source: loaded.name });
    const examples = { ...loaded, ...(name !== undefined && { name }) };
    sets.push({ examples, version, allowSingleClass, ...(terms && { terms }), ...(budget && { budget }) });
  }
  return sets;
}
