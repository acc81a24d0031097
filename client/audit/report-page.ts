/**
 * A periodic report as one file of HTML, which runs no script and asks no network: SPEC.md 13.15. What entries say becomes text. Pure:
 * the same report is the same bytes.
 */
import { primitives } from '#primitives';
import type { AnswerRow, AnswerTable, Cell } from '../../protocol/audit/answer.ts';
import { leavesInWords } from '../../protocol/audit/leaf-set.ts';
import { periodInWords } from '../../protocol/audit/period.ts';
import type { PeriodReport } from '../../protocol/audit/report/period-report.ts';
import type { VerifiedLog } from '../../protocol/audit/verified-entries.ts';
import { toBase64, utf8 } from '../../protocol/bytes.ts';
import { significant } from '../commands/significant.ts';
import { inWords } from './column-name.ts';
import { html, Markup } from './markup.ts';
import { cumulativeLines, namedBars, stackedBars } from './report-plot.ts';
import { REPORT_STYLE } from './report-style.ts';

/** Of one table, in the page: further rows are counted. */
const ROWS = 200;
/** Of leaves, behind one row. */
const RANGES = 12;

/** Of which people read the seconds. */
const MOMENT = /^(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:\.\d+)?Z$/;

export interface ReportPage {
  readonly log: VerifiedLog;
  /** Whether whoever has made it has pinned the key of the log. */
  readonly isPinned: boolean;
  readonly report: PeriodReport;
}

export async function reportPage({ log, isPinned, report }: ReportPage): Promise<string> {
  const { tables } = report;
  const of = (...names: string[]) => names.flatMap((name) => (tables[name] ? [tableOf(tables[name])] : []));
  const plot = (drawn: Markup | undefined) => (drawn ? [drawn] : []);
  const sections: readonly Section[] = [
    {
      ...{ id: 'activity', title: 'Activity' },
      content: [
        ...plot(stackedBars(report.days, { title: 'Entries', format: String })),
        ...leftOutOf(report.days.leftOut, 'entries are of further days'),
        ...of('types'),
      ],
    },
    { id: 'members', title: 'Members and organisations', content: of('organisations', 'members', 'people') },
    {
      ...{ id: 'jobs', title: 'Jobs' },
      content: [...of('jobs'), ...leftOutOf(report.jobsLeftOut, 'jobs are not in this report')],
    },
    {
      ...{ id: 'privacy', title: 'Privacy' },
      content: [
        ...plot(
          cumulativeLines(report.spending, {
            title: 'Epsilon spent, added up over jobs',
            format: (value) => significant(value),
          }),
        ),
        ...of('epsilon'),
        html`<p class="note">Epsilons of several jobs are added up, though they may be about the data of others: that is more than anybody has lost, and never less.</p>
`,
      ],
    },
    { id: 'models', title: 'Models that were fetched', content: of('downloads') },
    {
      ...{ id: 'denials', title: 'Denials' },
      content: [
        ...plot(
          namedBars(requestsBy(tables.denials, 'code'), { title: 'Requests by problem', format: String }),
        ),
        ...of('denials'),
        ...plot(
          namedBars(requestsBy(tables.deniedBy, 'policy'), { title: 'Requests by policy', format: String }),
        ),
        ...of('deniedBy'),
      ],
    },
    { id: 'readings', title: 'Readings of the log', content: of('readings') },
    {
      id: 'policies',
      title: 'Policies',
      content: of('accessPolicies', 'stepsPolicies', 'witnessesPolicies'),
    },
    { id: 'alarms', title: 'Alarms, silence and withheld releases', content: of('alarms', 'withheld') },
    { id: 'coordinator', title: 'Coordinator', content: of('coordinator') },
  ];
  const policy = `default-src 'none'; style-src 'sha256-${await hashOf(REPORT_STYLE)}'; base-uri 'none'; form-action 'none'`;
  const title = `Audit report ${report.period.name}`;
  return html`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="${policy}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>${title}</title>
<style>${Markup.of(REPORT_STYLE)}</style>
</head>
<body>
<main>
<h1>${title}</h1>
${headOf({ log, isPinned, report })}<nav aria-label="Sections"><ul>${sections.map(
    ({ id, title: name }) => html`<li><a href="#${id}">${name}</a></li>`,
  )}</ul></nav>
${sections.map(sectionOf)}${checkingOf(log)}</main>
</body>
</html>
`.text;
}

interface Section {
  readonly id: string;
  readonly title: string;
  readonly content: readonly Markup[];
}

function sectionOf({ id, title, content }: Section): Markup {
  return html`<section id="${id}" aria-labelledby="${id}-title"><h2 id="${id}-title">${title}</h2>
${content}</section>
`;
}

function headOf({ log, isPinned, report }: ReportPage): Markup {
  const { origin, size, root, witnesses, cosigners } = log;
  const key = isPinned
    ? 'pinned by whoever has made this report'
    : 'the word of the log itself: nobody has pinned one';
  const names = cosigners.length === 0 ? '' : `: ${cosigners.join(', ')}`;
  const seen = `${witnesses.cosigned} of ${witnesses.total}, ${witnesses.needed} are needed${names}`;
  return html`<p class="verdict">Made from a log that was verified: all ${size} entries have the hashes that lead to the signed root, and contradict nothing.</p>
<section aria-label="The log"><dl>
<dt>log</dt><dd>${origin}</dd>
<dt>entries</dt><dd>${size}</dd>
<dt>root</dt><dd><code>${root}</code></dd>
<dt>witnesses</dt><dd>${seen}</dd>
<dt>key of the log</dt><dd>${key}</dd>
<dt>period</dt><dd>${periodInWords(report.period)}</dd>
<dt>entries of the period</dt><dd>${report.entries}</dd>
<dt>findings</dt><dd>none: where there is one, no report is made</dd>
</dl></section>
`;
}

function checkingOf({ checkpoint }: VerifiedLog): Markup {
  return html`<section id="checking" aria-labelledby="checking-title"><h2 id="checking-title">How to check this</h2>
<p>Each row names entries of the log by their indices. <code>hanse audit verify</code> verifies the log, and <code>hanse audit report --proofs</code> writes the entries that this report rests on, each with the proof that it is in the log of this checkpoint. The same log and period give this page again, byte for byte.</p>
<pre tabindex="0" aria-label="Checkpoint">${checkpoint}</pre></section>
`;
}

function tableOf({ caption, rows, leftOut }: AnswerTable): Markup {
  const [first] = rows;
  if (!first)
    return html`<p class="note">${caption}: none.</p>
`;
  const columns = Object.keys(first.cells).filter((column) =>
    rows.some(({ cells }) => (cells[column] ?? null) !== null),
  );
  const isNumber = (column: string) => rows.every(({ cells }) => typeof (cells[column] ?? 0) === 'number');
  const numbers = new Set(columns.filter(isNumber));
  const heads = columns.map(
    (column) => html`<th scope="col"${classOf(numbers.has(column))}>${inWords(column)}</th>`,
  );
  const more = leftOut + rows.slice(ROWS).reduce((sum, { leaves }) => sum + leaves.count, 0);
  return html`<div class="wide" tabindex="0" role="region" aria-label="${caption}"><table><caption>${caption}</caption>
<thead><tr>${heads}<th scope="col">leaves</th></tr></thead>
<tbody>
${rows.slice(0, ROWS).map((row) => rowOf(row, columns, numbers))}</tbody></table></div>
${leftOutOf(more, 'more entries are in rows that are left out')}`;
}

function rowOf(
  { cells, leaves }: AnswerRow,
  columns: readonly string[],
  numbers: ReadonlySet<string>,
): Markup {
  const values = columns.map(
    (column) => html`<td${classOf(numbers.has(column))}>${cellOf(cells[column] ?? null)}</td>`,
  );
  return html`<tr>${values}<td class="leaves">${leavesInWords(leaves, RANGES)}</td></tr>
`;
}

function classOf(isNumber: boolean): Markup {
  return Markup.of(isNumber ? ' class="number"' : '');
}

function cellOf(cell: Cell): Markup {
  if (cell === null) return html`–`;
  if (typeof cell === 'number') return html`${Number.isInteger(cell) ? cell : significant(cell, 6)}`;
  if (/^[0-9a-f]{32,64}$/.test(cell)) return html`<code class="hash">${cell}</code>`;
  const [, moment] = MOMENT.exec(cell) ?? [];
  if (moment !== undefined) return html`<span class="moment">${moment}Z</span>`;
  return cell.includes('\n') ? html`<pre>${cell}</pre>` : html`${cell}`;
}

function leftOutOf(count: number, what: string): readonly Markup[] {
  return count === 0
    ? []
    : [
        html`<p class="note">${count} ${what}.</p>
`,
      ];
}

/** Requests of a table added up by one of its columns. */
function requestsBy(table: AnswerTable | undefined, column: string) {
  const sums = new Map<string, number>();
  for (const { cells } of table?.rows ?? [])
    sums.set(String(cells[column]), (sums.get(String(cells[column])) ?? 0) + Number(cells.requests));
  return [...sums].map(([name, value]) => ({ name, value }));
}

async function hashOf(text: string): Promise<string> {
  return toBase64(await primitives.sha256(utf8(text)));
}
