/**
 * The script of an evidence pack: verifies what the page holds, and shows what happened in the job. SPEC.md 13.10.
 */
import { type JobEpsilon, jobEpsilon } from '../../../protocol/audit/job-epsilon.ts';
import { typeOf } from '../../../protocol/audit/leaf.ts';
import { type PackedRound, packedOrganisations, packedRounds } from '../../../protocol/audit/pack-rounds.ts';
import { type PackVerdict, type VerifiedEntry, verifyPack } from '../../../protocol/audit/verify-pack.ts';
import { parseJson } from '../../../protocol/parse.ts';
import type { AuditData, AuditEvent } from '../../../schemas/audit-event.ts';
import { EvidencePack } from '../../../schemas/evidence-pack.ts';
import { barPlot } from './bar-plot.ts';
import { element, facts, section, table } from './elements.ts';

const number = (name: string) => ({ name, isNumber: true });
const code = (text: string) => element('code', {}, text);
const short = (hash: string) => element('code', { title: hash }, hash.slice(0, 12));
const epsilonOf = (value: number) => (Number.isFinite(value) ? value.toPrecision(3) : 'no bound');
const percentOf = (value: number) => `${(100 * value).toFixed(2)} %`;

function timeOf(iso: string): string {
  return iso.replace('T', ' ').replace(/(\.\d+)?Z$/, ' UTC');
}

function secondsOf(seconds: number): string {
  if (seconds < 120) return `${seconds.toFixed(1)} s`;
  return seconds < 7200 ? `${(seconds / 60).toFixed(1)} min` : `${(seconds / 3600).toFixed(1)} h`;
}

function bytesOf(bytes: number): string {
  if (bytes < 1000) return `${bytes} B`;
  return bytes < 1e6 ? `${(bytes / 1e3).toFixed(1)} kB` : `${(bytes / 1e6).toFixed(1)} MB`;
}

function headOf(title: string, { verified, entries, findings }: PackVerdict): HTMLElement {
  const first = findings.find(({ leaf }) => leaf !== undefined);
  const told = verified
    ? `Verified: all ${entries.length} entries of this page are in the log that was signed.`
    : `Not verified${first ? `: leaf ${first.leaf} is the first that fails` : ''}.`;
  return element(
    'header',
    {},
    element('p', { class: 'kind' }, 'Evidence pack'),
    element('h1', {}, title),
    element('p', { id: 'verdict', role: 'status', class: verified ? 'verified' : 'refused' }, told),
  );
}

function wrongOf({ findings }: PackVerdict): HTMLElement[] {
  if (findings.length === 0) return [];
  const rows = findings.map(({ leaf, code: name, message }) => [String(leaf ?? ''), code(name), message]);
  return [section('What is wrong', table('Findings, as they were met', [number('leaf'), 'code', ''], rows))];
}

function jobOf(pack: EvidencePack, { entries, manifest }: PackVerdict): HTMLElement {
  const job = dataOf(entries, 'job.created');
  const created = entries.find(({ event }) => event && typeOf(event) === 'job.created')?.event;
  const inLog = manifest
    ? 'in this pack, with the hash that the log has'
    : 'in this pack, and not the one of the log';
  const whereabouts = pack.manifest === null ? 'not in this pack' : inLog;
  return section(
    'The job',
    facts([
      ['job', code(pack.jobId)],
      ...(job
        ? ([
            ['name', job.name],
            ['purpose', job.purpose],
            ['created', timeOf(created?.time ?? '')],
            ['by node', code(job.by)],
            [
              'protects',
              job.privacyUnit === 'none' ? 'nobody: no differential privacy' : `each ${job.privacyUnit}`,
            ],
            ['manifest', element('span', {}, code(job.manifestSha256), ` ${whereabouts}`)],
          ] as const)
        : []),
      ...(manifest && 'rounds' in manifest
        ? ([
            ['rounds of the job', `${manifest.rounds}, of at least ${manifest.cohort.minimum} participants`],
            ['model', `${manifest.parameters} parameters, ${manifest.strategy.type}`],
          ] as const)
        : []),
    ]),
  );
}

function privacyOf(
  epsilon: JobEpsilon | undefined,
  { manifest }: PackVerdict,
  rounds: readonly PackedRound[],
): HTMLElement[] {
  if (!manifest) return [];
  if (!epsilon)
    return [
      section(
        'Privacy',
        element('p', {}, 'The manifest promises no differential privacy: nothing is spent.'),
      ),
    ];
  const opened = rounds.at(-1)?.openedSoFar ?? 0;
  const clip = 'codec' in manifest ? manifest.codec.clipNorm : undefined;
  return [
    section(
      'Privacy',
      facts([
        ['unit', `each ${epsilon.unit}`],
        [
          'spent',
          `epsilon ${epsilonOf(epsilon.after(opened))} at delta ${epsilon.delta}, by ${opened} sums that were opened`,
        ],
        [
          'promised',
          `epsilon ${epsilonOf(epsilon.promised)} for all rounds; the manifest states ${epsilonOf(epsilon.stated)}`,
        ],
        ...(clip === undefined ? [] : ([['clipping norm', String(clip)]] as const)),
      ]),
      element(
        'p',
        { class: 'note' },
        'Computed by this page, from the terms of the manifest and the entries of the log.',
      ),
    ),
  ];
}

function roundsOf(rounds: readonly PackedRound[], epsilon: JobEpsilon | undefined): HTMLElement {
  const attempts = rounds.map(({ round, attempt }) => (attempt === 1 ? `${round}` : `${round} (${attempt})`));
  const spent = epsilon && rounds.map(({ openedSoFar }) => epsilon.after(openedSoFar));
  const plots = [
    barPlot({
      title: 'accuracy of the model',
      values: rounds.map(({ accuracy }) => accuracy),
      limit: 1,
      format: percentOf,
    }),
    barPlot({
      title: 'updates, of those who were asked',
      values: rounds.map(({ updates }) => updates),
      of: rounds.map(({ cohort }) => cohort),
      format: String,
    }),
    ...(spent && epsilon
      ? [barPlot({ title: 'epsilon spent', values: spent, limit: epsilon.promised, format: epsilonOf })]
      : []),
    barPlot({ title: 'bytes of updates', values: rounds.map(({ bytes }) => bytes), format: bytesOf }),
    barPlot({ title: 'duration', values: rounds.map(({ seconds }) => seconds), format: secondsOf }),
  ];
  const columns = [
    ...[number('round'), 'opened', number('asked'), number('attested'), number('updates'), number('bytes')],
    ...['sum', number('duration'), ...(spent ? [number('epsilon')] : []), number('accuracy'), 'outcome'],
  ];
  const rows = rounds.map((round, at) => [
    attempts[at] ?? '',
    timeOf(round.opened),
    `${round.cohort}`,
    `${round.consented}`,
    `${round.updates}`,
    bytesOf(round.bytes),
    round.isOpened ? (round.isSecure ? 'secure' : 'plain') : 'never opened',
    round.seconds === undefined ? '' : secondsOf(round.seconds),
    ...(spent ? [epsilonOf(spent[at] ?? 0)] : []),
    round.accuracy === undefined ? '' : percentOf(round.accuracy),
    round.released === undefined
      ? (round.failed ?? 'not released')
      : element('span', {}, 'released ', short(round.released)),
  ]);
  return section(
    'Rounds',
    element('div', { class: 'plots' }, ...plots.filter((plot) => plot !== undefined)),
    table('Attempts, as they were opened; a second attempt at a round in brackets', columns, rows),
  );
}

function membersOf(events: readonly AuditEvent[]): HTMLElement {
  const rows = packedOrganisations(events).map(({ organisationId, participants, revoked }) => [
    ...[code(organisationId), `${participants}`, `${revoked}`],
  ]);
  return section(
    'Who could take part',
    table(
      'Organisations of the federation',
      ['organisation', number('participants'), number('revoked')],
      rows,
    ),
    element(
      'p',
      { class: 'note' },
      'Who took part in a round is in the log as a salted hash: only those who were told the salt can say it.',
    ),
  );
}

function logOf(pack: EvidencePack, verdict: PackVerdict): HTMLElement {
  const { origin, size, root, witnesses, seenBy, entries } = verdict;
  const proved = entries.filter(({ isProved }) => isProved).length;
  return section(
    'The log',
    facts([
      ['log', origin ?? 'unknown'],
      ['entries of the log', String(size ?? 'unknown')],
      ['root', root === undefined ? 'unknown' : code(root)],
      ['key', code(pack.key)],
      ['proofs that hold', `${proved} of ${entries.length}`],
      [
        'witnesses',
        witnesses ? `${witnesses.cosigned} of ${witnesses.total}; ${witnesses.needed} are needed` : 'unknown',
      ],
    ]),
    ...(seenBy.length === 0
      ? []
      : [
          table(
            'Witnesses of the policy',
            ['witness', 'key', 'this checkpoint'],
            seenBy.map(({ name, key, hasCosigned }) => [
              name,
              code(key),
              hasCosigned ? 'cosigned' : 'not seen',
            ]),
          ),
        ]),
    element(
      'p',
      { class: 'note' },
      'By the key and the policy that the page holds: compare them with those that you were told another way. ' +
        'What rounds have computed is made again by hanse audit verify.',
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
      [number('leaf'), 'proof', 'time', 'type', 'says'],
      entries.map(({ index, event, isProved }) => [
        `${index}`,
        element('span', { class: isProved ? 'verified' : 'refused' }, isProved ? 'holds' : 'does not hold'),
        event ? timeOf(event.time) : '',
        event ? typeOf(event) : 'cannot be read',
        event ? code(JSON.stringify(event.data)) : '',
      ]),
    ),
  );
}

function dataOf<Name extends ReturnType<typeof typeOf>>(
  entries: readonly VerifiedEntry[],
  name: Name,
): AuditData<Name> | undefined {
  return entries.find(({ event }) => event && typeOf(event) === name)?.event?.data as
    | AuditData<Name>
    | undefined;
}

async function show(): Promise<void> {
  const main = document.querySelector('main');
  const data = document.getElementById('pack')?.textContent ?? '';
  if (!main) return;
  try {
    const pack = parseJson(EvidencePack, data, 'pack');
    const verdict = await verifyPack(pack);
    const events = verdict.entries.flatMap(({ event }) => (event ? [event] : []));
    const rounds = packedRounds(events);
    const epsilon = verdict.manifest && jobEpsilon(verdict.manifest);
    main.replaceChildren(
      headOf(dataOf(verdict.entries, 'job.created')?.name ?? pack.jobId, verdict),
      ...wrongOf(verdict),
      jobOf(pack, verdict),
      ...privacyOf(epsilon, verdict, rounds),
      roundsOf(rounds, epsilon),
      membersOf(events),
      logOf(pack, verdict),
      entriesOf(verdict.entries),
    );
  } catch (error) {
    const told = error instanceof Error ? error.message : String(error);
    main.append(element('p', { id: 'failure', class: 'refused' }, `Not verified: ${told}`));
  }
}

void show();
