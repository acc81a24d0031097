/** A tab's line to its coordinator: requests are signed, and repeated where that may help. */
import { primitives } from '#primitives';
import type { Signer } from '../../protocol/primitives.ts';
import type { HanseError } from '../../protocol/problem.ts';
import type { CoordinatorApi } from '../coordinator-api.ts';
import { connectSigner } from '../enrol.ts';
import type { Membership } from '../membership.ts';
import { DEFAULT_PAUSES, retryingCoordinator } from '../retrying-coordinator.ts';
import type { TabPlatform } from './tab-platform.ts';

export interface LineOptions {
  readonly signal?: AbortSignal;
  /** Told before every pause. */
  readonly onRetry?: (problem: HanseError) => void;
}

/** Asks again only where there is a signal, which ends the asking. @throws as `connectSigner` */
export function connectTab(
  member: Membership,
  signer: Signer,
  { clock, exchange }: Pick<TabPlatform, 'clock' | 'exchange'>,
  { signal, onRetry = () => {} }: LineOptions = {},
): Promise<CoordinatorApi> {
  const around = (api: CoordinatorApi) =>
    retryingCoordinator(api, { clock, random: primitives.random, ...DEFAULT_PAUSES, onRetry });
  return connectSigner(member, signer, clock, { exchange, ...(signal ? { signal, around } : {}) });
}
