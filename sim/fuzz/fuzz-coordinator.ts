/**
 * A process of the fuzzer's coordinator: that of production with short times, and the way to it that a schedule wants.
 */
import type { CoordinatorApi } from '../../client/coordinator-api.ts';
import type { Primitives, Signer } from '../../protocol/primitives.ts';
import type { FuzzSchedule } from '../../schemas/fuzz-schedule.ts';
import {
  Coordinator,
  type CoordinatorDependencies,
  type CoordinatorSettings,
} from '../../server/coordinator.ts';
import type { Handlers } from '../../server/handler-types.ts';
import { inProcessCoordinator } from '../in-process-coordinator.ts';
import { type Foundation, NO_NOISE_KEY } from './foundation.ts';
import { KeyedNumbers } from './keyed-numbers.ts';
import type { Life } from './machine.ts';
import { repliesApart } from './replies-apart.ts';

export interface CoordinatorOptions
  extends Pick<CoordinatorDependencies, 'store' | 'blobs' | 'parts' | 'report'> {
  readonly seed: number;
  readonly life: Life;
  /** Processes of this coordinator so far. */
  readonly lives: number;
  readonly foundation: Foundation;
  /** The key of the foundation, as these primitives have it. */
  readonly signer: Signer;
  readonly primitives: Primitives;
}

/** Short times: the less the nodes wait, the more happens. */
const SETTINGS: Partial<CoordinatorSettings> = {
  livenessMs: 5000,
  recruitGraceMs: 2000,
  expectedMs: 10_000,
  retryMs: 1000,
  // An update of the smallest model has three chunks.
  chunkBytes: 40,
};

/** Opens what is stored. Rejects as `Coordinator.open` does, which whoever looks after it sees. */
export function openCoordinator(options: CoordinatorOptions): Promise<Coordinator> {
  const { seed, life, lives, foundation, ...given } = options;
  const { operatorKey, federationId } = foundation;
  const random = new KeyedNumbers('coordinator', seed, lives).source();
  const known = { noiseKey: NO_NOISE_KEY, operatorKey, federationId };
  return Coordinator.open({ ...given, clock: life.clock, random, ...known }, SETTINGS);
}

/** The coordinator as this node reaches it, without any network. */
export function apiFor(
  nodeId: string,
  handlers: Handlers,
  coordinator: Coordinator,
  { tasks, secure }: FuzzSchedule,
): CoordinatorApi {
  const api = inProcessCoordinator(handlers, coordinator, nodeId, tasks === 'streamed');
  return secure?.replies === 'asked for' ? repliesApart(api) : api;
}
