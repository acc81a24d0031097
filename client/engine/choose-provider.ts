/**
 * Choosing where to train: the provider asked for, else the best that this machine has. What was considered, and why,
 * is returned with the choice, because a person who wonders about the speed should not have to guess.
 */
import { HanseError, isProblem } from '../../protocol/problem.ts';
import type { ProviderName } from '../../schemas/provider.ts';
import type { ExecutionProvider, ProviderCandidate } from './provider.ts';

export interface Considered {
  readonly name: ProviderName;
  readonly available: boolean;
  /** What it is, or why it cannot be used. */
  readonly reason: string;
}

export interface ChoiceOptions {
  /** Best first: `NODE_PROVIDERS`, or those of a browser build. */
  readonly candidates: readonly ProviderCandidate[];
  /** At least 1, which is the default: many participants may share a machine. */
  readonly threads?: number;
}

export interface Choice {
  readonly provider: ExecutionProvider;
  /** In the order of consideration; those behind the choice were not looked at. */
  readonly considered: readonly Considered[];
}

/** Throws `providerUnavailable` when the one asked for, or every one, cannot be used. */
export async function chooseProvider(
  asked: 'auto' | ProviderName,
  { candidates, threads = 1 }: ChoiceOptions,
): Promise<Choice> {
  const considered: Considered[] = [];
  for (const candidate of candidates) {
    if (asked === 'auto' ? !candidate.automatic : candidate.name !== asked) continue;
    const provider = await consider(candidate, threads, considered);
    if (provider === undefined) continue;
    const why = asked === 'auto' ? 'the best available' : 'asked for';
    return { provider: { ...provider, reason: `${why}: ${provider.reason}` }, considered };
  }
  const reasons = considered.map(({ name, reason }) => (asked === 'auto' ? `${name}: ${reason}` : reason));
  const reason = reasons.join('; ') || 'this build does not have it';
  throw new HanseError('providerUnavailable', { asked, reason });
}

/** Looks at every candidate, for diagnosis. Loads all runtimes that are there. */
export async function considerAll({ candidates, threads = 1 }: ChoiceOptions): Promise<Considered[]> {
  const considered: Considered[] = [];
  for (const candidate of candidates) await consider(candidate, threads, considered);
  return considered;
}

/** Notes the outcome in `considered`. */
async function consider(
  candidate: ProviderCandidate,
  threads: number,
  considered: Considered[],
): Promise<ExecutionProvider | undefined> {
  const { name } = candidate;
  try {
    const provider = await candidate.load({ threads });
    considered.push({ name, available: true, reason: provider.reason });
    return provider;
  } catch (error) {
    if (!isProblem(error, 'providerUnavailable')) throw error;
    considered.push({ name, available: false, reason: error.detail.reason });
    return undefined;
  }
}
