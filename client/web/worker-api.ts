/**
 * What the page of a participant and its worker say to each other, over comlink.
 *
 * Keys, data and training stay in the worker: the page asks, shows, and passes on what its user permits. Everything here
 * is plain data that can be cloned. Calls reject with a `HanseError` whose code, particulars and remedy survive the way.
 */

import type { Egress } from '../../schemas/egress.ts';
import type { Consent, Description, NodeChoice } from './consent.ts';
import type { DataPreview } from './data-preview.ts';
import type { DataSelection } from './data-selection.ts';
import type { EngineReport } from './engine-report.ts';
import type { TabEvent } from './tab-event.ts';

export interface ParticipantWorker {
  /** The member that this browser is already, or undefined. */
  resume(): Promise<KnownMember | undefined>;
  /** What the link says, before anything is sent. Throws `inviteInvalid` and its kin. */
  readInvite(link: string): Promise<InviteSummary>;
  /** Makes the key, enrols, and keeps what is needed to come back. */
  enrol(link: string, choice: NodeChoice): Promise<KnownMember>;
  /**
   * Tests the primitives, chooses where to train, and warms it up. Throws `primitiveUnsound`, `providerUnavailable`.
   * @param progress of the download and the warm-up, 0 to 1
   */
  prepareEngine(
    asked: 'auto' | 'webgpu' | 'wasm',
    progress: (fraction: number) => void,
  ): Promise<EngineReport>;
  /** Reads the data as far as a preview needs. */
  preview(selection: DataSelection): Promise<DataPreview>;
  /** Reads all of it; it stays in the worker. @returns as the preview, of all rows */
  load(selection: DataSelection, progress: (fraction: number) => void): Promise<DataPreview>;
  /** What would be computed and sent, from jobs that wait and the policy; may be asked before `participate`. */
  describe(): Promise<Description>;
  /**
   * Takes part until `leave` or `pause`. Resolves when the worker has stopped; rejects when the membership ended.
   * @param inspect asked before an update leaves, where the consent says so; false declines the task
   */
  participate(
    consent: Consent,
    observe: (event: TabEvent) => void,
    inspect: (what: Egress) => Promise<boolean>,
  ): Promise<void>;
  pause(): Promise<void>;
  /** Ends the membership's work here; with `forget`, the key and all that is stored are deleted. */
  leave(options: { readonly forget: boolean }): Promise<void>;
}

export interface InviteSummary {
  readonly server: string;
  readonly federationId: string;
  readonly organisationId: string;
  readonly role: 'participant' | 'evaluator';
}

export interface KnownMember {
  readonly nodeId: string;
  readonly name: string;
  readonly organisationId: string;
  readonly federationId: string;
  readonly server: string;
  readonly role: 'participant' | 'evaluator';
  /** `browser`: nobody can read the key. `sealed`: this browser has no Ed25519, and code of this origin could. */
  readonly keyKind: 'browser' | 'sealed';
}
