/**
 * `hanse audit fsck`: checks everything of the audit log in a data directory. SPEC.md 13.7.
 */
import { type CommandDefinition, defineCommand } from '../../schemas/command.ts';
import {
  FSCK_FINDINGS,
  type FsckFinding,
  type FsckFindingName,
  type FsckReport,
} from '../../schemas/fsck-report.ts';
import { everySoOften } from './every-so-often.ts';

export interface FsckSurroundings {
  readonly progress: (entries: number, of: number) => void;
  readonly signal: AbortSignal;
}

export type Fsck = (dataDir: string, surroundings: FsckSurroundings) => Promise<FsckReport>;

interface AuditFsckOptions {
  readonly dataDir: string;
}

/** @param fsck of the coordinator's room, of which this one knows nothing */
export function auditFsckCommand(fsck: Fsck): CommandDefinition<AuditFsckOptions> {
  return defineCommand<AuditFsckOptions>({
    summary:
      'check every entry, hash and checkpoint of the audit log of a coordinator, and its records against it',
    options: [
      {
        flags: '--data-dir <dir>',
        description: 'of the coordinator, which may be running',
        default: '.hanse/coordinator',
      },
    ],
    examples: [
      ['hanse audit fsck', 'exit code 1, and what was found, where something is not as it was signed'],
      ['hanse audit fsck --data-dir backup --json', 'of a copy, for a program'],
    ],
    async run({ options }, io) {
      const say = everySoOften((line: string) => io.note(line));
      const report = await fsck(options.dataDir, {
        progress: (entries, of) => say(`${entries} of ${of} entries`),
        signal: io.signal,
      });
      const { size, root, findings, unlisted, ok } = report;
      io.print(`a log of ${size} entries, root ${root}`);
      for (const finding of findings) io.print(`  ${describeFinding(finding)}`);
      if (unlisted > 0) io.print(`  and ${unlisted} more`);
      io.print(
        ok ? 'everything is as it was signed, and tells what the records do' : 'this log is not whole',
      );
      return report;
    },
    isFailure: (report) => (report as FsckReport).ok === false,
  });
}

/** Whose index is a size. */
const OF_CHECKPOINTS: ReadonlySet<FsckFindingName> = new Set([
  'noteMalformed',
  'checkpointMalformed',
  'checkpointMisplaced',
  'originUnknown',
  'noteUnsigned',
  'rootMismatch',
]);

/** `entryChanged: index 7: the entry is not the one that was signed`. */
export function describeFinding({
  what,
  index,
  count,
  level,
  pointer,
  position,
  detail,
}: FsckFinding): string {
  const where = [
    ...(level === undefined ? [] : [`level ${level}`]),
    ...(index === undefined ? [] : [`${OF_CHECKPOINTS.has(what) ? 'size' : 'index'} ${index}`]),
    ...(count === undefined ? [] : [`${count} from there on`]),
    ...(pointer === undefined ? [] : [pointer]),
    ...(position === undefined ? [] : [`position ${position} of the records`]),
    ...(detail === undefined ? [] : [detail]),
  ];
  return [what, ...(where.length === 0 ? [] : [where.join(', ')]), FSCK_FINDINGS[what]].join(': ');
}
