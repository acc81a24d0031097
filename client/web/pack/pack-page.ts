/**
 * The script of an evidence pack: verifies what the page holds, and shows what happened in the job. SPEC.md 13.10.
 */
import { typeOf } from '../../../protocol/audit/leaf.ts';
import { type PackVerdict, type VerifiedEntry, verifyPack } from '../../../protocol/audit/verify-pack.ts';
import { parseJson } from '../../../protocol/parse.ts';
import type { AuditData, AuditEvent } from '../../../schemas/audit-event.ts';
import { EvidencePack } from '../../../schemas/evidence-pack.ts';

type Child = Node | string;

function element(
  name: string,
  attributes: Readonly<Record<string, string>>,
  ...children: Child[]
): HTMLElement {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  made.append(...children);
  return made;
}

function shape(name: string, attributes: Readonly<Record<string, string>>, ...children: Child[]): SVGElement {
  const made = document.createElementNS('http://www.w3.org/2000/svg', name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  made.append(...children);
  return made;
}

function table(caption: string, head: readonly string[], rows: readonly (readonly string[])[]): HTMLElement {
  const row = (name: string, cells: readonly string[]) =>
    element('tr', {}, ...cells.map((cell) => element(name, {}, cell)));
  return element(
    'div',
    { class: 'wide' },
    element(
      'table',
      {},
      element('caption', {}, caption),
      element('thead', {}, row('th', head)),
      element('tbody', {}, ...rows.map((cells) => row('td', cells))),
    ),
  );
}

const short = (hash: string) => hash.slice(0, 16);

/** Those of a type, with what they say. */
function saying<Name extends Parameters<typeof isOf>[1]>(
  entries: readonly VerifiedEntry[],
  name: Name,
): (AuditData<Name> & { readonly time: string })[] {
  return entries.flatMap(({ event }) =>
    event && isOf(event, name) ? [{ ...(event.data as AuditData<Name>), time: event.time }] : [],
  );
}

function isOf(event: AuditEvent, name: ReturnType<typeof typeOf>): boolean {
  return typeOf(event) === name;
}

function verdictOf({
  verified,
  origin,
  size,
  root,
  witnesses,
  entries,
  findings,
}: PackVerdict): HTMLElement[] {
  const proved = entries.filter(({ isProved }) => isProved).length;
  const first = findings.find(({ leaf }) => leaf !== undefined);
  const told = verified
    ? `Verified: all ${entries.length} entries of this page are in the log that was signed.`
    : `Not verified${first ? `: leaf ${first.leaf} is the first that fails` : ''}.`;
  const facts: [string, string][] = [
    ['log', origin ?? 'unknown'],
    ['entries of the log', String(size ?? 'unknown')],
    ['root', root ?? 'unknown'],
    [
      'witnesses',
      witnesses ? `${witnesses.cosigned} of ${witnesses.total}; ${witnesses.needed} are needed` : 'unknown',
    ],
    ['proofs that hold', `${proved} of ${entries.length}`],
  ];
  return [
    element('p', { id: 'verdict', role: 'status', class: verified ? 'verified' : 'refused' }, told),
    element(
      'dl',
      {},
      ...facts.flatMap(([name, value]) => [element('dt', {}, name), element('dd', {}, value)]),
    ),
    ...(findings.length === 0
      ? []
      : [
          table(
            'What is wrong',
            ['leaf', 'code', ''],
            findings.map(({ leaf, code, message }) => [String(leaf ?? ''), code, message]),
          ),
        ]),
    element(
      'p',
      {},
      'By the key that the page holds: compare it with the one that you were told another way. What rounds have computed is made again by hanse audit verify.',
    ),
  ];
}

function jobOf(entries: readonly VerifiedEntry[]): HTMLElement[] {
  const [job] = saying(entries, 'job.created');
  if (!job) return [];
  const facts: [string, string][] = [
    ['name', job.name],
    ['purpose', job.purpose],
    ['created', job.time],
    ['protects', job.privacyUnit === 'none' ? 'nobody: no differential privacy' : `each ${job.privacyUnit}`],
    ['manifest', job.manifestSha256],
  ];
  return [
    element('h2', {}, 'The job'),
    element(
      'dl',
      {},
      ...facts.flatMap(([name, value]) => [element('dt', {}, name), element('dd', {}, value)]),
    ),
  ];
}

function roundsOf(entries: readonly VerifiedEntry[]): HTMLElement[] {
  const opened = saying(entries, 'round.opened');
  const aggregated = saying(entries, 'round.aggregated');
  const released = saying(entries, 'round.released');
  const measured = saying(entries, 'round.evaluated');
  const same = (a: { round: number; attempt: number }) => (b: { round: number; attempt: number }) =>
    a.round === b.round && a.attempt === b.attempt;
  const rows = opened.map((round) => {
    const sum = aggregated.find(same(round));
    const out = released.find(same(round));
    const accuracy = measured.find(same(round))?.metrics.accuracy;
    return [
      `${round.round}`,
      `${round.attempt}`,
      round.time,
      `${round.size}`,
      sum ? `${sum.updates}` : '',
      sum ? (sum.record === undefined ? 'plain' : 'secure') : '',
      out ? short(out.model) : 'none',
      typeof accuracy === 'number' ? `${(100 * accuracy).toFixed(2)} %` : '',
    ];
  });
  const accuracies = measured.flatMap(({ metrics: { accuracy } }) =>
    typeof accuracy === 'number' ? [accuracy] : [],
  );
  return [
    element('h2', {}, 'Rounds'),
    ...(accuracies.length > 1 ? [plotOf(accuracies)] : []),
    table(
      'Attempts, as they were opened',
      ['round', 'attempt', 'opened', 'cohort', 'updates', 'sum', 'released model', 'accuracy'],
      rows,
    ),
  ];
}

/** Accuracy against measurements. */
function plotOf(values: readonly number[]): HTMLElement {
  const [width, height] = [600, 160];
  const points = values
    .map((value, at) => `${(width * at) / (values.length - 1)},${height * (1 - value)}`)
    .join(' ');
  return element(
    'figure',
    {},
    shape(
      'svg',
      {
        viewBox: `-4 -4 ${width + 8} ${height + 8}`,
        role: 'img',
        'aria-label': 'accuracy of the released models',
      },
      shape('path', {
        d: `M0 0V${height}H${width}`,
        fill: 'none',
        stroke: 'currentColor',
        'stroke-opacity': '0.4',
      }),
      shape('polyline', { points, fill: 'none', stroke: 'currentColor', 'stroke-width': '2' }),
    ),
    element(
      'figcaption',
      {},
      `Accuracy from 0 to 100 %, ${values.length} measurements; the last one ${(100 * (values.at(-1) ?? 0)).toFixed(2)} %`,
    ),
  );
}

function entriesOf(entries: readonly VerifiedEntry[]): HTMLElement {
  return element(
    'details',
    {},
    element('summary', {}, `All ${entries.length} entries`),
    table(
      'Entries, with what their proofs say',
      ['leaf', 'proof', 'time', 'type', 'says'],
      entries.map(({ index, event, isProved }) => [
        `${index}`,
        isProved ? 'holds' : 'does not hold',
        event?.time ?? '',
        event ? typeOf(event) : 'cannot be read',
        event ? JSON.stringify(event.data) : '',
      ]),
    ),
  );
}

async function show(): Promise<void> {
  const main = document.querySelector('main');
  const data = document.getElementById('pack')?.textContent ?? '';
  if (!main) return;
  try {
    const pack = parseJson(EvidencePack, data, 'pack');
    const verdict = await verifyPack(pack);
    main.replaceChildren(
      element('h1', {}, `Evidence of ${pack.jobId}`),
      ...verdictOf(verdict),
      ...jobOf(verdict.entries),
      ...roundsOf(verdict.entries),
      entriesOf(verdict.entries),
    );
  } catch (error) {
    const told = error instanceof Error ? error.message : String(error);
    main.append(element('p', { id: 'failure', class: 'refused' }, `Not verified: ${told}`));
  }
}

void show();
