/**
 * `hanse audit export`: the audit log of a coordinator as a folder that others verify without it, or one job of it as a page that
 * verifies itself. SPEC.md 13.6, 13.10.
 */
import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import type { ExportSource } from '../../protocol/audit/export-source.ts';
import { packJob } from '../../protocol/audit/pack-job.ts';
import { HanseError } from '../../protocol/problem.ts';
import { type CommandDefinition, type CommandIo, defineCommand } from '../../schemas/command.ts';
import { JobId } from '../../schemas/ids.ts';
import { evidencePage } from '../audit/evidence-page.ts';
import { type ExportedFolder, exportFolder } from '../audit/export-folder.ts';
import { everySoOften } from './every-so-often.ts';
import { writeOutput } from './output-file.ts';

interface AuditExportOptions {
  readonly dataDir: string;
  readonly job?: JobId;
  /** False for `--no-content`. */
  readonly content: boolean;
  readonly salts?: boolean;
  readonly newest?: boolean;
  readonly output?: string;
}

/** The log of a data directory. */
export type OpenSource = (
  dataDir: string,
  options: { readonly newest: boolean },
) => Promise<ExportSource & { close(): Promise<void> }>;

/** @param openSource of the coordinator's room, of which this one knows nothing */
export function auditExportCommand(openSource: OpenSource): CommandDefinition<AuditExportOptions> {
  return defineCommand<AuditExportOptions>({
    summary:
      'write the audit log of a coordinator as a folder that anybody can verify, or a job of it as a page',
    arguments: [{ name: '[folder]', description: 'that is not there, or empty; or give --output' }],
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
      {
        flags: '--newest',
        description:
          'also what too few witnesses have cosigned yet; else up to the last checkpoint that has a quorum',
      },
      {
        flags: '-o, --output <file>',
        description:
          'in place of a folder: one page of HTML with the entries of --job, which verifies each of them by itself',
      },
    ],
    examples: [
      ['hanse audit export log', 'all that is there of all jobs'],
      ['hanse audit export log --job job-0123456789abcdef', 'what one job is verified by'],
      ['hanse audit export log --no-content', 'small: tiles, checkpoint and keys'],
      ['hanse audit export log --newest', 'to the end of the log, while witnesses are away'],
      ['hanse audit export --job job-0123456789abcdef -o pack.html', 'to be opened in a browser, offline'],
    ],
    async run({ args: [folder], options }, io) {
      const { output, job } = options;
      if ((folder === undefined) === (output === undefined))
        throw new HanseError('usage', { reason: 'give a folder, or --output with --job' });
      if (output !== undefined && job === undefined)
        throw new HanseError('usage', { reason: '--output is a page of one job: give --job' });
      const source = await openSource(options.dataDir, { newest: options.newest === true });
      try {
        if (output !== undefined && job !== undefined) return await writePage(source, job, output, io);
        const exported = await exportFolder(source, folder ?? '', {
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

/** As the build has made them, where this file lies beside them. */
const ASSETS = new URL('../../pack/', import.meta.url);

async function writePage(source: ExportSource, jobId: JobId, output: string, io: CommandIo) {
  const pack = await packJob(source, jobId);
  const [script, style] = await Promise.all(['pack-page.js', 'pack-page.css'].map(readAsset));
  const page = await evidencePage(pack, { script: script ?? '', style: style ?? '' });
  await writeOutput(output, page);
  const bytes = Buffer.byteLength(page);
  io.print(`${output}: ${pack.entries.length} entries of ${jobId} with their proofs, ${bytes} bytes`);
  return { output, jobId, entries: pack.entries.length, bytes };
}

async function readAsset(name: string): Promise<string> {
  const file = fileURLToPath(new URL(name, ASSETS));
  try {
    return await readFile(file, 'utf8');
  } catch (error) {
    throw new HanseError('dataFileMissing', { file }, { cause: error });
  }
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
