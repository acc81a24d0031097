/**
 * The entries of a log for whoever is to answer from them: in order, each as what it says, and nothing told before all of the log
 * has turned out to be what its key has signed. SPEC.md 13.8, 13.15.
 *
 * What is verified is what `hanse audit verify --no-content` verifies: checkpoint and witnesses, every hash, the form of every entry
 * and that entries agree with each other, and the salts that were handed over. Memory is that of `LogAudit`: some hundred bytes
 * for each job and each attempt at a round, however many entries there are.
 */
import type { AuditEvent, AuditType } from '../../schemas/audit-event.ts';
import { toHex } from '../bytes.ts';
import { HanseError } from '../problem.ts';
import { Findings } from './findings.ts';
import { typeOf } from './leaf.ts';
import { LogAudit } from './log-audit.ts';
import type { LogSource } from './log-source.ts';
import { SaltAudit, type SaltLine } from './salt-audit.ts';
import type { ReadTile } from './tile-tree.ts';
import { type Trust, type VerifiedHead, verifyHead } from './verify-head.ts';
import { verifyTree } from './verify-log.ts';

export interface VerifiedEntry {
  /** Index in the log. */
  readonly leaf: number;
  readonly type: AuditType;
  readonly event: AuditEvent;
  /** What stands behind salted fields, JSON, by pointer: `/data/node`. Of those alone whose salts were handed over. */
  readonly opened: ReadonlyMap<string, unknown>;
}

/** Takes what an entry says. That the log holds is not known before `readVerified` resolves. */
export type TakeVerified = (entry: VerifiedEntry) => void;

/** What the answers rest on. */
export interface VerifiedLog {
  readonly origin: string;
  /** Of entries. */
  readonly size: number;
  /** Hex. */
  readonly root: string;
  readonly witnesses: VerifiedHead['witnesses'];
  /** Of the witnesses that have cosigned, as the policy has them; sorted. */
  readonly cosigners: readonly string[];
  /** The signed note. */
  readonly checkpoint: string;
}

export interface ReadOptions {
  /** Told of every so many entries. */
  readonly progress?: (leaf: number, size: number) => void;
  readonly signal?: AbortSignal;
}

/** Entries between two calls of `progress`. */
const EVERY = 65_536;
const NOTHING: ReadonlyMap<string, unknown> = new Map();
/** No job has this id: nothing is kept for the rounds of any. */
const NO_JOB = '';

/**
 * @param source of attacker-controlled content
 * @throws logUnverified where anything is wrong: whatever was taken is then to be dropped; interrupted; what the transport throws
 */
export async function readVerified(
  source: LogSource,
  trust: Trust,
  take: TakeVerified,
  { progress = () => {}, signal }: ReadOptions = {},
): Promise<VerifiedLog> {
  const findings = new Findings();
  const note = await findings.within(() => source.checkpoint());
  const head =
    note === undefined ? undefined : await findings.within(() => verifyHead(note, trust, findings));
  if (!head || note === undefined) throw refusalOf(findings);
  const { checkpoint, witnesses, cosigners } = head;
  const { origin, size, root } = checkpoint;
  const ofEntries = new Findings();
  const audit = new LogAudit(origin, ofEntries, { job: NO_JOB });
  const salts = source.salts && new SaltAudit(source.salts(), ofEntries);
  // Whoever verifies the tree takes it for one that is not there, and ends.
  const read: ReadTile = async (tile) => {
    if (signal?.aborted) throw new HanseError('interrupted');
    return source.tile(tile);
  };
  try {
    await verifyTree(read, checkpoint, findings, async (leaf, bytes) => {
      if (leaf % EVERY === 0) progress(leaf, size);
      const event = audit.add(leaf, bytes);
      if (!event) return;
      const lines = salts ? await salts.add(leaf, bytes) : [];
      take({ leaf, type: typeOf(event), event, opened: lines.length === 0 ? NOTHING : openedBy(lines) });
    });
    if (signal?.aborted) throw new HanseError('interrupted');
    await salts?.end();
  } finally {
    await salts?.close();
  }
  // Of a tree that is not the signed one nothing is to be told but that.
  if (findings.all.length > 0) throw refusalOf(findings);
  audit.end();
  findings.take(ofEntries);
  if (findings.all.length > 0) throw refusalOf(findings);
  return {
    ...{ origin, size, root: toHex(root), witnesses, checkpoint: note },
    cosigners: [...cosigners].sort(),
  };
}

/** What is no JSON opens nothing, though it has the hash: whoever wrote the entry meant nothing by it. */
function openedBy(lines: readonly SaltLine[]): ReadonlyMap<string, unknown> {
  const opened = new Map<string, unknown>();
  for (const { pointer, value } of lines) {
    try {
      opened.set(pointer, JSON.parse(value));
    } catch {}
  }
  return opened;
}

function refusalOf({ all }: Findings): HanseError<'logUnverified'> {
  const [{ code = '', leaf = null, message = '' } = {}] = all;
  return new HanseError('logUnverified', { findings: all.length, code, leaf, reason: message });
}
