/** What the demo has started and ends again: a process, a browser. */
export interface Running {
  /** Asks it to end, and makes sure that it does. */
  stop(): Promise<void>;
}
