/**
 * What a participant in a tab asks of its browser. `participant-worker.ts` fills it with that of a worker, tests with
 * one in memory: the participant itself touches nothing of a browser.
 */
import type { Clock } from '../../protocol/clock.ts';
import type { Candidates } from '../../protocol/primitives.ts';
import type { CoordinatorApi } from '../coordinator-api.ts';
import type { Examples } from '../data/examples.ts';
import type { ProviderCandidate } from '../engine/provider.ts';
import type { Exchange } from '../exchange.ts';
import type { DataPreview } from './data-preview.ts';
import type { DataSelection } from './data-selection.ts';
import type { Locks } from './identity-turn.ts';
import type { TabStore } from './tab-store.ts';

export interface TabPlatform {
  /** Throws `browserStorageBlocked` and its kin. */
  openStore(): Promise<TabStore>;
  readonly clock: Clock;
  readonly exchange: Exchange;
  /** Held against known answers before the tab takes part. */
  readonly candidates: Candidates;
  /** The only one that the page may speak to; absent: any. */
  readonly origin?: string;
  /** Best first; they load their runtime only when they are considered. */
  providers(): Promise<readonly ProviderCandidate[]>;
  /** That training may use: 1 where the page is not isolated. */
  readonly threads: number;
  /** Monotonic, in milliseconds. */
  elapsed(): number;
  isOnline(): boolean;
  /** Absent where a browser has none. */
  readonly locks?: Locks;
  /** @param full all rows, not only as far as a preview needs */
  readData(selection: DataSelection, full: boolean, progress: (fraction: number) => void): Promise<ReadData>;
  readonly models: ModelShelf;
}

export interface ReadData {
  readonly examples: Examples;
  readonly preview: DataPreview;
}

/** Where models are kept between visits, if their owner wants that. */
export interface ModelShelf {
  /** The same coordinator, some of whose content is at hand. */
  around(api: CoordinatorApi): CoordinatorApi;
  /** Removes all of them. */
  forget(): Promise<void>;
}
