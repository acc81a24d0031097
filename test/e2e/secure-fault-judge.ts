/**
 * Whether a secure job kept what it promised, whatever befell it: as its records say, what its participants have sent, and
 * the same job with plain sums. SPEC.md 8.1, 11.9, 11.10. Shares no code with the reducer.
 */
import type { JobStatus } from '../../schemas/job.ts';
import type { StoredEvent } from '../../server/store/store.ts';
import type { SeenMessage } from './faulty-proxy.ts';
import type { Course } from './secure-fault-bench.ts';

export interface SecureJudgement {
  /** Who was in the sum of each attempt. */
  readonly course: Course;
  /** How each attempt ended: `<round>/<attempt> <released, or the code of the abort>`. */
  readonly endings: readonly string[];
}

/** What all participants have sent and been told, by name. */
export interface Traffic {
  readonly answers: ReadonlyMap<string, readonly SeenMessage[]>;
  readonly receipts: ReadonlyMap<string, readonly SeenMessage[]>;
}

/** Fields of events that are read here. */
interface Told {
  readonly round: number;
  readonly attempt: number;
  readonly node: string;
  readonly sha256: string;
  readonly updates: number;
  readonly secure: { readonly descriptor: { readonly nonce: string; readonly threshold: number } };
}

/** What each may say once in an attempt. */
const ONCE = ['keysAdvertised', 'sharesAccepted', 'updateAccepted', 'consentGiven', 'answerAccepted'];

/**
 * Throws an error that says what is wrong.
 * @param records of this job, in order
 * @param names by node id
 */
export function judgeSecure(
  job: JobStatus,
  records: readonly StoredEvent[],
  names: ReadonlyMap<string, string>,
  traffic: Traffic,
): SecureJudgement {
  const nonces = new Set<string>();
  const said = new Map<string, string>();
  const members = new Map<string, string[]>();
  records.forEach(({ type, sequence, data }, i) => {
    if (sequence !== i + 1) throw new Error(`event ${sequence} where ${i + 1} is next`);
    const told = data as Told;
    const place = `${told.round}/${told.attempt}`;
    if (type === 'cohortSelected') {
      const { nonce, threshold } = told.secure.descriptor;
      if (threshold !== 3) throw new Error(`the threshold of ${place} is ${threshold}`);
      if (nonces.has(nonce)) throw new Error(`${place} has the nonce of another attempt`);
      nonces.add(nonce);
    }
    const name = names.get(told.node) ?? told.node;
    if (ONCE.includes(type)) {
      const key = `${type} of ${name} in ${place}`;
      if (said.has(key)) throw new Error(`a second ${key}`);
      said.set(key, told.sha256);
    }
    if (type === 'updateAccepted') members.set(place, [...(members.get(place) ?? []), name].sort());
    if (type === 'aggregated' && told.updates !== members.get(place)?.length)
      throw new Error(`${told.updates} summed in ${place}, and ${members.get(place)?.length} accepted`);
  });
  for (const [name, answers] of traffic.answers) {
    const bodies = new Map<string, string>();
    for (const { place, sha256 } of answers) {
      if ((bodies.get(place) ?? sha256) !== sha256) throw new Error(`${name} answered twice in ${place}`);
      bodies.set(place, sha256);
    }
    const rounds = [...bodies.keys()].map((place) => place.split('/')[0]);
    if (new Set(rounds).size !== rounds.length)
      throw new Error(`${name} answered in two attempts from one model: ${[...bodies.keys()]}`);
  }
  for (const [name, receipts] of traffic.receipts)
    for (const { place, sha256 } of receipts)
      if (said.get(`updateAccepted of ${name} in ${place}`) !== sha256)
        throw new Error(`acknowledged to ${name} in ${place}, not counted: ${sha256}`);
  for (const [key, sha256] of said) {
    const [, name = '', place] = /^answerAccepted of (\S+) in (\S+)$/.exec(key) ?? [];
    const isSeen = (one: SeenMessage) => one.place === place && one.sha256 === sha256;
    if (place !== undefined && !traffic.answers.get(name)?.some(isSeen))
      throw new Error(`${name} has not sent the answer of ${place}`);
  }
  const course: Record<string, string> = {};
  const endings = job.rounds.map(({ round, attempt, outcome, reason }) => {
    const place = `${round}/${attempt}`;
    course[place] = outcome === 'released' ? (members.get(place) ?? []).join('') : 'void';
    return `${place} ${reason ?? outcome}`;
  });
  return { course, endings };
}
