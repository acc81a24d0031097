/**
 * Which logs are trusted, and how many of which witnesses have to have seen a checkpoint: C2SP tlog-policy, a file of lines.
 *
 *   log <key> [<url>]            witness <name> <key> [<url>]
 *   group <name> all|any|<k> <member>...        quorum <name>|none
 */
import { equalBytes } from '../bytes.ts';
import { HanseError } from '../problem.ts';
import { type Checkpoint, readCheckpoint } from './checkpoint.ts';
import { cosignedAt } from './cosignature.ts';
import { formatVerifierKey, parseVerifierKey, type VerifierKey } from './verifier-key.ts';

/** Of logs, of witnesses, and of groups. */
const LINES_MAX = 1024;

export interface Witness {
  /** Within the policy. */
  readonly name: string;
  readonly key: VerifierKey;
  readonly url?: string;
}

export interface WitnessGroup {
  readonly name: string;
  /** So many of its members have to have seen a checkpoint. */
  readonly threshold: number;
  /** Names of witnesses, and of groups before this one. */
  readonly members: readonly string[];
}

export interface WitnessPolicy {
  readonly logs: readonly { readonly key: VerifierKey; readonly url?: string }[];
  readonly witnesses: readonly Witness[];
  readonly groups: readonly WitnessGroup[];
  /** A witness or a group; `none` asks for no witness. */
  readonly quorum: string;
}

/** More than half of these witnesses. */
export function majorityPolicy(log: VerifierKey, witnesses: readonly Witness[]): WitnessPolicy {
  const threshold = Math.floor(witnesses.length / 2) + 1;
  const members = witnesses.map(({ name }) => name);
  const groups = members.length === 0 ? [] : [{ name: 'majority', threshold, members }];
  return { logs: [{ key: log }], witnesses, groups, quorum: groups[0]?.name ?? 'none' };
}

export function formatWitnessPolicy({ logs, witnesses, groups, quorum }: WitnessPolicy): string {
  const line = (...parts: (string | number | undefined)[]) =>
    `${parts.filter((part) => part !== undefined).join(' ')}\n`;
  return [
    ...logs.map(({ key, url }) => line('log', formatVerifierKey(key), url)),
    ...witnesses.map(({ name, key, url }) => line('witness', name, formatVerifierKey(key), url)),
    ...groups.map(({ name, threshold, members }) => line('group', name, threshold, ...members)),
    line('quorum', quorum),
  ].join('');
}

/** @throws witnessPolicyInvalid, with the line; verifierKeyInvalid */
export async function parseWitnessPolicy(text: string): Promise<WitnessPolicy> {
  const logs: WitnessPolicy['logs'][number][] = [];
  const witnesses: Witness[] = [];
  const groups: WitnessGroup[] = [];
  const known = new Set<string>();
  const used = new Set<string>();
  let quorum: string | undefined;
  const lines = text.split('\n');
  if (lines.length > 4 * LINES_MAX) throw invalid(lines.length, 'too many lines');
  for (const [at, line] of lines.entries()) {
    // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
    if (/[\0-\x08\x0a-\x1f\x7f]/.test(line)) throw invalid(at, 'a control character');
    const [what, ...rest] = line.split(/[ \t]+/).filter((part) => part !== '');
    if (what === undefined || what.startsWith('#')) continue;
    const define = (name: string | undefined): string => {
      if (name === undefined || name === 'none' || known.has(name))
        throw invalid(at, 'a name that is missing or taken');
      known.add(name);
      return name;
    };
    const keyOf = async (
      encoded: string | undefined,
      type: VerifierKey['type'],
      others: readonly VerifierKey[],
    ) => {
      const key = await parseVerifierKey(encoded ?? '');
      if (key.type !== type) throw invalid(at, `a key that signs no ${type}`);
      if (others.some(({ publicKey }) => equalBytes(publicKey, key.publicKey)))
        throw invalid(at, 'a key twice');
      return key;
    };
    if (what === 'log' && rest.length <= 2) {
      const [encoded, url] = rest;
      const key = await keyOf(
        encoded,
        'note',
        logs.map((log) => log.key),
      );
      logs.push({ key, ...(url !== undefined && { url }) });
    } else if (what === 'witness' && rest.length <= 3) {
      const [name, encoded, url] = rest;
      const key = await keyOf(
        encoded,
        'cosignature',
        witnesses.map((witness) => witness.key),
      );
      witnesses.push({ name: define(name), key, ...(url !== undefined && { url }) });
    } else if (what === 'group') {
      const [name, threshold = '', ...members] = rest;
      const all = members.length;
      const least =
        threshold === 'all'
          ? all
          : threshold === 'any'
            ? 1
            : /^[1-9]\d{0,3}$/.test(threshold)
              ? Number(threshold)
              : 0;
      if (!(least >= 1 && least <= all)) throw invalid(at, 'a threshold that the group does not have');
      for (const member of members) {
        if (!known.has(member)) throw invalid(at, `${member} is not defined before`);
        if (used.has(member)) throw invalid(at, `${member} is a member twice`);
        used.add(member);
      }
      groups.push({ name: define(name), threshold: least, members });
    } else if (what === 'quorum' && rest.length === 1) {
      const [name = ''] = rest;
      if (quorum !== undefined || (name !== 'none' && !known.has(name)))
        throw invalid(at, 'a second quorum, or one that is not defined');
      quorum = name;
    } else throw invalid(at, 'not a line of a policy');
    if (Math.max(logs.length, witnesses.length, groups.length) > LINES_MAX)
      throw invalid(at, 'too many lines');
  }
  if (quorum === undefined) throw invalid(lines.length, 'no quorum');
  return { logs, witnesses, groups, quorum };
}

/** Whether these witnesses are enough. @param seen names of witnesses */
export function isQuorum(policy: WitnessPolicy, seen: ReadonlySet<string>): boolean {
  return policy.quorum === 'none' || held(policy, seen).get(policy.quorum) === true;
}

/** How many members of the quorum have seen a checkpoint, and how many have to have. */
export interface QuorumStanding {
  readonly cosigned: number;
  readonly needed: number;
}

/** Members of the quorum may be witnesses, or groups such as those of one organisation. @param seen names of witnesses */
export function quorumStanding(policy: WitnessPolicy, seen: ReadonlySet<string>): QuorumStanding {
  const { quorum, groups } = policy;
  if (quorum === 'none') return { cosigned: 0, needed: 0 };
  const holds = held(policy, seen);
  const { threshold, members } = groups.find(({ name }) => name === quorum) ?? {
    threshold: 1,
    members: [quorum],
  };
  return { cosigned: members.filter((member) => holds.get(member)).length, needed: threshold };
}

/** Names of the members of the quorum that have not seen a checkpoint. @param seen names of witnesses */
export function missingOf(policy: WitnessPolicy, seen: ReadonlySet<string>): string[] {
  const { quorum, groups } = policy;
  if (quorum === 'none') return [];
  const holds = held(policy, seen);
  const members = groups.find(({ name }) => name === quorum)?.members ?? [quorum];
  return members.filter((member) => !holds.get(member));
}

/** Of each witness, and of each group, whether it has seen the checkpoint. */
function held({ witnesses, groups }: WitnessPolicy, seen: ReadonlySet<string>): Map<string, boolean> {
  const holds = new Map(witnesses.map(({ name }) => [name, seen.has(name)]));
  for (const { name, threshold, members } of groups)
    holds.set(name, members.filter((member) => holds.get(member)).length >= threshold);
  return holds;
}

/** How many witnesses a quorum has at least. */
export function leastQuorum({ witnesses, groups, quorum }: WitnessPolicy): number {
  const least = new Map(witnesses.map(({ name }) => [name, 1]));
  for (const { name, threshold, members } of groups) {
    const ofMembers = members.map((member) => least.get(member) ?? 0).sort((a, b) => a - b);
    least.set(
      name,
      ofMembers.slice(0, threshold).reduce((sum, one) => sum + one, 0),
    );
  }
  return least.get(quorum) ?? 0;
}

export interface WitnessedCheckpoint {
  readonly checkpoint: Checkpoint;
  /** When each witness has cosigned it, in seconds since 1970; by its name in the policy. */
  readonly cosigned: ReadonlyMap<string, number>;
}

/**
 * A checkpoint that a log of the policy has signed and enough of the witnesses have seen.
 * @param note attacker-controlled
 * @throws noteMalformed, checkpointMalformed, originUnknown, noteUnsigned; quorumMissing
 */
export async function readWitnessed(note: string, policy: WitnessPolicy): Promise<WitnessedCheckpoint> {
  const checkpoint = await readOfAny(note, policy);
  const cosigned = new Map<string, number>();
  for (const { name, key } of policy.witnesses) {
    const seconds = await cosignedAt(checkpoint.note, key);
    if (seconds !== undefined) cosigned.set(name, seconds);
  }
  if (!isQuorum(policy, new Set(cosigned.keys())))
    throw new HanseError('quorumMissing', {
      size: checkpoint.size,
      cosigned: cosigned.size,
      witnesses: policy.witnesses.length,
    });
  return { checkpoint, cosigned };
}

async function readOfAny(note: string, { logs }: WitnessPolicy): Promise<Checkpoint> {
  let problem: unknown = new HanseError('originUnknown', { expected: 'a log of the policy', got: '' });
  for (const { key } of logs) {
    try {
      return await readCheckpoint(note, key);
    } catch (error) {
      problem = error;
    }
  }
  throw problem;
}

function invalid(at: number, reason: string): HanseError<'witnessPolicyInvalid'> {
  return new HanseError('witnessPolicyInvalid', { line: at + 1, reason });
}
