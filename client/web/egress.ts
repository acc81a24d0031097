/** What leaves the browser, as the person sees it who lets it go. */

/** What is about to leave, before it is sent. */
export interface Egress {
  readonly jobId: string;
  readonly jobName: string;
  readonly round: number;
  readonly attempt: number;
  /** Of the message, with its header. */
  readonly bytes: number;
  readonly norm: number;
  readonly clipNorm: number;
  readonly isClipped: boolean;
  readonly parameters: number;
  /** Of the differences as trained; after clipping; as they are sent, in steps of `step`. */
  readonly before: Histogram;
  readonly clipped: Histogram;
  readonly quantised: Histogram;
  /** A coordinate's step on the grid. */
  readonly step: number;
  /** What the coordinator can learn of it: plain sums show it every update, masks show it the sum. */
  readonly visibleAs: 'update' | 'sum';
}

/** Counts of `counts.length` equal bins from `least` to `greatest`. */
export interface Histogram {
  readonly least: number;
  readonly greatest: number;
  readonly counts: readonly number[];
}
