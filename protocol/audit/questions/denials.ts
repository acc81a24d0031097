/**
 * Which requests were refused, to whom, why, and by which policy: SPEC.md 13.11, 13.15. Pure.
 */
import type { AuditData } from '../../../schemas/audit-event.ts';
import { type Cells, RowBook } from '../answer.ts';
import { nodesIn, Participants } from '../participants.ts';
import { ALL, isWithin, type Period } from '../period.ts';
import type { VerifiedEntry } from '../verified-entries.ts';
import type { Answer, Question } from './question.ts';

interface DenialCells extends Cells {
  readonly code: string;
  readonly actor: string;
  readonly organisation: string | null;
  requests: number;
  readonly first: string;
  last: string;
}

interface PolicyCells extends Cells {
  readonly policy: string;
  requests: number;
  readonly first: string;
  last: string;
}

/** Codes, and policies, of one entry: it has no more in practice. */
const OF_ENTRY = 64;

export class Denials implements Question {
  readonly byCode = new RowBook<DenialCells>();
  readonly byPolicy = new RowBook<PolicyCells>();
  readonly #period: Period;
  readonly #participants = new Participants();
  #hidden = 0;

  constructor(period: Period = ALL) {
    this.#period = period;
  }

  take(entry: VerifiedEntry): void {
    this.#participants.take(entry);
    if (entry.type !== 'access.denied' || !isWithin(this.#period, entry.event.time)) return;
    const { leaf, event } = entry;
    const { codes, actor, policies } = event.data as AuditData<'access.denied'>;
    const { time } = event;
    const [nodeId] = nodesIn(entry) ?? [];
    if (actor === 'member' && nodeId === undefined) this.#hidden += 1;
    const who = nodeId ?? (actor === 'member' ? 'a member' : actor);
    const organisation =
      nodeId === undefined ? null : (this.#participants.organisationOf(nodeId) ?? 'unknown');
    for (const [code, count] of countsOf(codes)) {
      const begin = () => ({ code, actor: who, organisation, requests: 0, first: time, last: time });
      const cells = this.byCode.at(`${who} ${code}`, leaf, begin);
      if (cells) Object.assign(cells, { requests: cells.requests + count, last: time });
    }
    for (const [policy, count] of countsOf(policies)) {
      const cells = this.byPolicy.at(policy, leaf, () => ({ policy, requests: 0, first: time, last: time }));
      if (cells) Object.assign(cells, { requests: cells.requests + count, last: time });
    }
  }

  answer(): Answer {
    return {
      isKnown: true,
      tables: [
        this.byCode.table('denials', 'Requests that were refused, by problem and actor'),
        this.byPolicy.table('policies', 'Policies that have decided so, and how often'),
      ],
      notes:
        this.#hidden === 0
          ? []
          : [
              'members stand in the log as salted hashes: a log with its salts (`hanse audit export --salts`) names them',
            ],
    };
  }
}

/** How often what. */
export function countsOf(record: Readonly<Record<string, number>> = {}): [name: string, count: number][] {
  return Object.entries(record).slice(0, OF_ENTRY);
}
