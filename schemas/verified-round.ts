/**
 * What has been verified of a round that is over: the result of `hanse round verify`. SPEC.md 11.8.
 */
export interface VerifiedRound {
  readonly jobId: string;
  readonly round: number;
  readonly attempt: number;
  /** SHA-256 of the opened sum and of the model that was released. */
  readonly sum: string;
  readonly model: string;
  /** Whose updates are in the sum. */
  readonly survivors: number;
  /** Whether the sum was made again from the updates. */
  readonly recomputed: boolean;
}
