/**
 * `hanse audit export`: the audit log of a coordinator as a folder that others verify without it. SPEC.md 13.6.
 */
import type { ExportSource } from '../../protocol/audit/export-source.ts';
import { type CommandDefinition, type CommandIo, defineCommand } from '../../schemas/command.ts';
import { JobId } from '../../schemas/ids.ts';
import { type ExportedFolder, exportFolder } from '../audit/export-folder.ts';
import { everySoOften } from './every-so-often.ts';

interface AuditExportOptions {
  readonly dataDir: string;
  readonly job?: JobId;
  /** False for `--no-content`. */
  readonly content: boolean;
  readonly salts?: boolean;
}

/** The log of a data directory. */
export type OpenSource = (dataDir: string) => Promise<ExportSource & { close(): Promise<void> }>;

/** @param openSource of the coordinator's room, of which this one knows nothing */
export function auditExportCommand(openSource: OpenSource): CommandDefinition<AuditExportOptions> {
  return defineCommand<AuditExportOptions>({
    summary: 'write the audit log of a coordinator as a folder that anybody can verify',
    arguments: [{ name: '<folder>', description: 'that is not there, or empty' }],
    options: [
      {
        flags: '--data-dir <dir>',
        description: 'of the coordinator, which may be running',
        default: '.hanse/coordinator',
      },
      {
        flags: '--job <job>',
        description: 'models, sums, records and updates of this job alone; else of all',
        schema: JobId,
      },
      {
        flags: '--no-content',
        description:
          'tiles, checkpoint and keys alone: that the log holds can be verified, not what it tells of',
      },
      {
        flags: '--salts',
        description:
          'also what opens salted fields: it names who took part in rounds, and cannot be taken back',
      },
    ],
    examples: [
      ['hanse audit export log', 'all that is there of all jobs'],
      ['hanse audit export log --job job-0123456789abcdef', 'what one job is verified by'],
      ['hanse audit export log --no-content', 'small: tiles, checkpoint and keys'],
    ],
    async run({ args: [folder = ''], options }, io) {
      const source = await openSource(options.dataDir);
      try {
        const exported = await exportFolder(source, folder, {
          content: options.content,
          ...(options.job !== undefined && { jobId: options.job }),
          salts: options.salts === true,
          progress: everySoOften(({ tiles, of, content }) =>
            io.note(`${tiles} of ${of} tiles, ${content} files of content`),
          ),
          note: (line) => io.note(line),
          signal: io.signal,
        });
        printExported(exported, io);
        return exported;
      } finally {
        await source.close();
      }
    },
  });
}

function printExported(
  { folder, size, root, tiles, content, missing, bytes }: ExportedFolder,
  io: CommandIo,
) {
  io.print(`${folder}: a log of ${size} entries, root ${root}`);
  io.print(`  ${tiles} tiles, ${content} files of content, ${bytes} bytes`);
  if (missing > 0)
    io.print(`  ${missing} contents that it names are not kept any more, and not in the folder`);
}
