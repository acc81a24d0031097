/** What was found so far, and how much more than is listed: a log that is damaged throughout has a short report too. */
import type { FsckFinding, FsckFindingName } from '../../schemas/fsck-report.ts';

/** In a report. */
const LISTED = 1000;

export class Findings {
  readonly listed: FsckFinding[] = [];
  unlisted = 0;

  add(what: FsckFindingName, where: Omit<FsckFinding, 'what'> = {}): void {
    if (this.listed.length < LISTED) this.listed.push({ what, ...where });
    else this.unlisted += 1;
  }

  get isEmpty(): boolean {
    return this.listed.length === 0;
  }
}
