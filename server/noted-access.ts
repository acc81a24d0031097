/** What the audit log is told of those who come and ask: who was denied, who fetches models, who reads the log. SPEC.md 13.11. */
import { DeniedAccess, type DeniedAccessOptions } from './denied-access.ts';
import { ModelDownloads } from './model-downloads.ts';
import { ReadingSessions, type ReadingSessionsOptions } from './reading-sessions.ts';

export class NotedAccess {
  readonly denied: DeniedAccess;
  readonly downloads: ModelDownloads;
  readonly readings: ReadingSessions;

  constructor(options: DeniedAccessOptions & ReadingSessionsOptions) {
    this.denied = new DeniedAccess(options);
    this.downloads = new ModelDownloads(options.notes, options.clock);
    this.readings = new ReadingSessions(options);
  }

  /** Nobody comes any more; resolves once all of it is in the log. Idempotent. */
  async close(): Promise<void> {
    await Promise.all([this.denied.close(), this.readings.close()]);
  }
}
