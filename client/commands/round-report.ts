/**
 * What is told of a round that is over: an object for programs, lines for people. SPEC.md 8.1, 11.8.
 */
import type { JobStatus, RoundSummary } from '../../schemas/job.ts';
import type { AuditedRecord } from '../round-audit.ts';

/** How far a node has come. Who has sent no keys is in no record. */
export type LastSent = 'keys' | 'shares' | 'update';

export interface RoundMember {
  readonly nodeId: string;
  /** As the signed directory says; null where it does not know the node. */
  readonly organisationId: string | null;
  readonly lastSent: LastSent;
}

export interface PhaseSpan {
  readonly phase: string;
  readonly at: string;
  readonly seconds: number;
}

export interface RoundReport {
  readonly jobId: string;
  readonly aggregation: 'secure' | 'plain';
  readonly summary: RoundSummary;
  /** Attempts at the round that are over, this one included. */
  readonly attempts: number;
  readonly phases: readonly PhaseSpan[];
  /** From the record, in the order of the roster; null where there is none. */
  readonly members: readonly RoundMember[] | null;
  readonly recordChecked: boolean;
  readonly coordinatorSaw: readonly string[];
  readonly coordinatorDidNotSee: readonly string[];
}

/** @param organisations of nodes, by their id */
export function reportRound(
  { jobId, manifest, rounds }: JobStatus,
  summary: RoundSummary,
  audited: AuditedRecord | undefined,
  organisations: ReadonlyMap<string, string>,
): RoundReport {
  const attempts = rounds.filter(({ round }) => round === summary.round).length;
  const views = manifest.aggregation === 'secure' ? secureViews(summary) : plainViews(summary);
  return {
    jobId,
    aggregation: manifest.aggregation,
    summary,
    attempts,
    phases: spansOf(summary),
    members: audited ? membersOf(audited, organisations) : null,
    recordChecked: audited !== undefined,
    ...views,
  };
}

export function describeRoundReport(report: RoundReport): string[] {
  const { jobId, aggregation, summary, attempts, phases, members } = report;
  const { round, attempt, outcome, reason, secure } = summary;
  const ofAttempts = attempts > 1 ? `, attempt ${attempt} of ${attempts}` : '';
  const rows: [label: string, text: string][] = [];
  if (secure) {
    const { suite, threshold, roster, delivered, survivors, consents, answers, faulty } = secure;
    rows.push(
      ['suite', `${suite}, threshold ${threshold}: answers of ${threshold} open the sum, fewer open nothing`],
      ['cohort', `${counted(summary.cohort, 'node')} asked`],
      ['roster', `U1: keys of ${roster}`],
      ['delivered', `U2: shares of ${delivered}`],
      ['survivors', `U3: updates of ${survivors}`],
      ['consents', `${consents} to these survivors`],
      ['answers', `${answers}`],
    );
    if (faulty.length > 0)
      rows.push(['faulty', `answers that contradict those of the others: ${faulty.join(', ')}`]);
  } else rows.push(['updates', `${summary.updates} of ${counted(summary.cohort, 'node')} asked`]);
  const declined = Object.entries(summary.declined).map(([code, count]) => `${count} with ${code}`);
  if (declined.length > 0) rows.push(['declined', declined.join(', ')]);
  for (const [i, { nodeId, organisationId, lastSent }] of (members ?? []).entries())
    rows.push([
      i === 0 ? 'members' : '',
      `${nodeId}  ${FATES[lastSent]}  ${organisationId ?? 'of no known organisation'}`,
    ]);
  const shares = secure ? `shares ${secure.shareBytes}, ` : '';
  const answers = secure ? `, answers ${secure.answerBytes}` : '';
  rows.push(['bytes', `${shares}updates ${summary.bytesUp}${answers}`]);
  const longest = Math.max(...phases.map(({ seconds }) => seconds));
  for (const [i, { phase, seconds }] of phases.entries())
    rows.push([
      i === 0 ? 'time' : '',
      `${phase.padEnd(11)} ${seconds.toFixed(2).padStart(8)} s  ${bar(seconds, longest)}`,
    ]);
  if (secure?.record)
    rows.push(
      ['record', `${secure.record}, signed by the coordinator, sound`],
      ['sum', secure.sum ?? 'none'],
    );
  if (summary.model) rows.push(['parameters', `${summary.model}: SHA-256 of those that were released`]);
  return [
    `${jobId}  round ${round}${ofAttempts}: ${outcome}${reason ? `, ${reason}` : ''}, ${aggregation} aggregation`,
    ...rows.map(([label, text]) => `  ${label.padEnd(11)}  ${text}`.trimEnd()),
    'The coordinator could see',
    ...report.coordinatorSaw.map((line) => `  - ${line}`),
    'It could not see',
    ...report.coordinatorDidNotSee.map((line) => `  - ${line}`),
  ];
}

const FATES: Readonly<Record<LastSent, string>> = {
  keys: 'dropped out before its shares',
  shares: 'dropped out before its update',
  update: 'in the sum                   ',
};

/** In the order of the roster. */
function membersOf({ checked }: AuditedRecord, organisations: ReadonlyMap<string, string>): RoundMember[] {
  const delivered = new Set(checked.delivered);
  const survivors = new Set(checked.survivors);
  return checked.roster.parties.map(({ index, nodeId }) => {
    const hasShared = delivered.has(index) ? 'shares' : 'keys';
    const lastSent = survivors.has(index) ? 'update' : hasShared;
    return { nodeId, organisationId: organisations.get(nodeId) ?? null, lastSent };
  });
}

/** Each phase that was reached, until the next one, or the end. */
function spansOf({ openedAt, endedAt, secure }: RoundSummary): PhaseSpan[] {
  const phases = secure?.phases.length ? secure.phases : [{ phase: 'whole', at: openedAt }];
  return phases.map(({ phase, at }, i) => {
    const until = phases[i + 1]?.at ?? endedAt;
    return { phase, at, seconds: (Date.parse(until) - Date.parse(at)) / 1000 };
  });
}

const BAR = 30;

function bar(seconds: number, longest: number): string {
  return '#'.repeat(longest > 0 ? Math.ceil((BAR * seconds) / longest) : 0);
}

type Views = Pick<RoundReport, 'coordinatorSaw' | 'coordinatorDidNotSee'>;

function plainViews({ updates }: RoundSummary): Views {
  return {
    coordinatorSaw: [
      updates === 0
        ? 'no update: none came'
        : `each of the ${counted(updates, 'update')}, and whose it is: the aggregation of this job is plain`,
      'who was asked, who answered and who declined, when, and with how many bytes',
    ],
    coordinatorDidNotSee: [
      'the examples that the nodes have trained on, but for what an update tells of them',
    ],
  };
}

function secureViews({ secure, updates, round }: RoundSummary): Views {
  const { roster = 0, threshold = 0, record = null, phases = [], answers = 0 } = secure ?? {};
  const isOpened = phases.some(({ phase }) => phase === 'aggregating');
  const who = 'who took part, when, until which message, and with how many bytes';
  // A coordinator needs t shares of both secrets of one node. Honest nodes give one of the two, colluders both.
  const colluders = Math.max(1, 2 * threshold - roster);
  const repeated = 'Sums of several rounds together may tell more than each of them';
  // Of an opened sum all but one of its nodes know the update of the last, whatever the threshold.
  const known = Math.max(1, Math.min(colluders, updates - 1));
  if (record !== null)
    return {
      coordinatorSaw: [`the sum of ${counted(updates, 'update')}, and the model that follows from it`, who],
      coordinatorDidNotSee: [
        `any single update, unless at least ${known} of the ${roster} in the roster work with it`,
        'the sum of fewer, but that who works with it can take its own update out of the sum',
        `what one node adds to the sum, as long as another is honest. ${repeated}`,
      ],
    };
  const opened = isOpened
    ? `the sum of ${counted(updates, 'update')}: it was opened, and no model was made of it`
    : `answers of ${answers}, of which ${threshold} would open the sum`;
  return {
    coordinatorSaw: [...(isOpened || answers > 0 ? [opened] : []), who],
    coordinatorDidNotSee: [
      `any single update, unless at least ${isOpened ? known : colluders} of the ${roster} in the roster work with it`,
      ...(isOpened || answers >= threshold
        ? []
        : [`the sum of round ${round}: the attempt ended before it was opened`]),
    ],
  };
}

function counted(count: number, what: string): string {
  return `${count} ${what}${count === 1 ? '' : 's'}`;
}
