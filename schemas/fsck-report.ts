/**
 * What `hanse audit fsck` finds in a stored log: the names of findings, and the report. SPEC.md 13.7.
 */

/** What each finding means, by its name. Names are stable. */
export const FSCK_FINDINGS = {
  entryMissing: 'entries are not there that the log has signed',
  entryChanged: 'the entry is not the one that was signed',
  hashMissing: 'a hash of the tree is not there',
  hashChanged: 'a hash of the tree is not the one that was signed',
  leafMismatch: 'entry and hash do not belong together, and no checkpoint tells which of them was signed',
  leafMalformed: 'the entry is not the canonical form of an event that is known',
  behindSize: 'something lies behind the last checkpoint, or where no log has anything',
  checkpointMissing: 'there is no checkpoint',
  checkpointGone: 'a checkpoint is not there that another one follows',
  noteMalformed: 'a checkpoint is no signed note',
  checkpointMalformed: 'a note is no checkpoint',
  checkpointMisplaced: 'a checkpoint is of another size than the place where it is kept',
  originUnknown: 'a checkpoint is of another log',
  noteUnsigned: 'the key of the log has not signed a checkpoint',
  rootMismatch: 'the log has signed another root than that of what is stored',
  saltForeign: 'salt and value are kept that do not open the field of the entry',
  cursorAhead: 'the log has come further than the records',
  eventUnlogged: 'an event of the records should be in the log, and is not',
  eventMissing: 'the entry tells of an event that the records do not have',
  eventChanged: 'the entry tells something else than the event of the records',
  entryRepeated: 'the entry tells of an event that comes before one which is in the log already',
  entryAhead: 'the entry tells of an event that the log has not come to yet',
  noteMissing: 'a note is not there that comes before the entry, or that the log has come to',
} as const;

export type FsckFindingName = keyof typeof FSCK_FINDINGS;

export interface FsckFinding {
  readonly what: FsckFindingName;
  /** Of the entry, or of the hash in its level; of a checkpoint its size. */
  readonly index?: number;
  /** How many from there on, where it is more than one. */
  readonly count?: number;
  /** Of a hash of the tree. */
  readonly level?: number;
  /** Of a salted field, within the entry. */
  readonly pointer?: string;
  /** Of an event in the records. */
  readonly position?: number;
  /** More about it. */
  readonly detail?: string;
}

export interface FsckReport {
  /** Of the newest checkpoint, in entries. */
  readonly size: number;
  /** As the newest checkpoint has it, in hex; empty where there is none that can be read. */
  readonly root: string;
  /** The first of them. */
  readonly findings: readonly FsckFinding[];
  /** How many more there are. */
  readonly unlisted: number;
  readonly ok: boolean;
}
