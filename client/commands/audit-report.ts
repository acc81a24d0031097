/**
 * `hanse audit report`: the periodic report of an auditor as one page of HTML, made from verified entries alone. SPEC.md 13.15.
 */
import { resolve } from 'node:path';
import { parsePeriod } from '../../protocol/audit/period.ts';
import { PeriodReportFold } from '../../protocol/audit/report/period-report.ts';
import { type CommandDefinition, defineCommand } from '../../schemas/command.ts';
import { reportPage } from '../audit/report-page.ts';
import { logLines } from './answer-report.ts';
import {
  ASKED_LOG_OPTIONS,
  type AskedLogOptions,
  FOLDER_ARGUMENT,
  withAskedLog,
} from './asked-log-options.ts';
import { PERIOD_OPTION } from './audit-ask.ts';
import type { OpenSource } from './audit-export.ts';
import { writeOutput } from './output-file.ts';

interface AuditReportOptions extends AskedLogOptions {
  readonly period: string;
  readonly output: string;
}

/** @param openSource of the coordinator's room, of which this one knows nothing */
export function auditReportCommand(openSource: OpenSource): CommandDefinition<AuditReportOptions> {
  return defineCommand<AuditReportOptions>({
    summary:
      'write the report of a period as a page: what an audit log tells of it, from its verified entries',
    arguments: [FOLDER_ARGUMENT],
    options: [
      PERIOD_OPTION,
      {
        flags: '-o, --output <file>',
        description: 'one page of HTML, without scripts; the same log and period give the same bytes',
        default: 'audit-report.html',
      },
      ...ASKED_LOG_OPTIONS,
    ],
    examples: [
      ['hanse audit report exported --period 2026-11 -o november.html', 'a month of UTC'],
      ['hanse audit report exported --period 2026-Q4 --key audit.vkey', 'a quarter, by a key that is pinned'],
    ],
    async run({ args: [folder], options }, io) {
      const period = parsePeriod(options.period);
      return withAskedLog(folder, options, io, openSource, async (of) => {
        const fold = new PeriodReportFold(period);
        const log = await of.read((entry) => fold.take(entry));
        const report = fold.report();
        const page = await reportPage({ log, isPinned: of.log.isPinned, report });
        await writeOutput(options.output, page);
        const output = resolve(options.output);
        const bytes = Buffer.byteLength(page);
        for (const line of logLines(log, of.log.isPinned)) io.print(line);
        io.print(`${output}: ${report.entries} entries of ${options.period}, ${bytes} bytes`);
        const proofs = await of.prove(log, Object.values(report.tables));
        const { origin, size, root } = log;
        return {
          ...{ output, period: options.period, entries: report.entries, bytes, origin, size, root },
          ...(proofs && { proofs }),
        };
      });
    },
  });
}
