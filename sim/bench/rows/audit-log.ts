/**
 * What an audit log costs: entries that are durable and under a signed checkpoint, and the proofs that whoever reads it checks,
 * in a log of a million entries.
 */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { primitives } from '#primitives';
import { GrowingTree } from '../../../protocol/audit/growing-tree.ts';
import type { Tile } from '../../../protocol/audit/tile.ts';
import { consistencyProofOf, inclusionProofOf, rootOf } from '../../../protocol/audit/tile-tree.ts';
import { verifierKey } from '../../../protocol/audit/verifier-key.ts';
import { concatBytes, utf8 } from '../../../protocol/bytes.ts';
import { isIncluded, leafHash } from '../../../protocol/merkle.ts';
import { isConsistent } from '../../../protocol/merkle-consistency.ts';
import { AuditLog } from '../../../server/audit-log.ts';
import { AuditFile } from '../../../server/store/audit-file.ts';
import { cpuMsInTurns, type Samples } from '../measure.ts';
import type { RowDefinition } from '../row.ts';

/** As long as an entry of a round is. */
const ENTRY = utf8('x'.repeat(400));
/** Entries of one append, and appends that wait at a time. */
const [TOGETHER, WAITING] = [25, 40];
const APPENDED = 20_000;
const MILLION = 1_000_000;
/** Proofs of one repetition. */
const PROOFS = 50;

export const auditAppend: RowDefinition = {
  name: 'audit/append',
  unit: '1/s',
  what: `entries of 400 bytes a second, wall, until each is durable and under a signed checkpoint, ${WAITING} appends of ${TOGETHER} at a time; baseline: one append at a time`,
  asked: [{ of: 'value', atLeast: 5000 }],
  async measure() {
    const [values, baselines]: [number[], number[]] = [[], []];
    for (let run = 0; run <= 3; run += 1) {
      const [together, alone] = [await entriesPerSecond(WAITING, APPENDED), await entriesPerSecond(1, 1000)];
      if (run === 0) continue;
      values.push(together);
      baselines.push(alone);
    }
    return { values, baselines };
  },
};

export const auditInclusion: RowDefinition = {
  name: 'audit/inclusion/1M',
  unit: 'ms',
  what: 'processor time of checking that an entry is in a log of 10^6; baseline: one hash of an entry',
  asked: [{ of: 'value', atMost: 5 }],
  async measure() {
    const { read, root, leafOf } = await aMillion();
    const indices = Array.from({ length: PROOFS }, (_, i) => (i * 19_997) % MILLION);
    const claims = await Promise.all(
      indices.map(async (index) => ({
        ...{ index, size: MILLION, leaf: await leafOf(index) },
        proof: await inclusionProofOf(read, index, MILLION),
      })),
    );
    return inTurns(async () => {
      for (const claim of claims)
        if (!(await isIncluded(primitives, claim, root))) throw new Error('unreachable: it is included');
    });
  },
};

export const auditConsistency: RowDefinition = {
  name: 'audit/consistency/1M',
  unit: 'ms',
  what: 'processor time of checking that a log of 10^6 entries goes on from a smaller one; baseline: one hash of an entry',
  asked: [{ of: 'value', atMost: 10 }],
  async measure() {
    const { read, root } = await aMillion();
    const sizes = Array.from({ length: PROOFS }, (_, i) => 1 + ((i * 19_997) % (MILLION - 1)));
    const claims = await Promise.all(
      sizes.map(async (oldSize) => ({
        ...{ oldSize, oldRoot: await rootOf(read, oldSize), size: MILLION, root },
        proof: await consistencyProofOf(read, oldSize, MILLION),
      })),
    );
    return inTurns(async () => {
      for (const claim of claims)
        if (!(await isConsistent(primitives, claim))) throw new Error('unreachable: it goes on');
    });
  },
};

async function entriesPerSecond(waiting: number, count: number): Promise<number> {
  const folder = await mkdtemp(join(tmpdir(), 'hanse-bench-audit-'));
  const signer = await primitives.signer(new Uint8Array(32));
  const file = new AuditFile(join(folder, 'audit.sqlite'));
  try {
    const key = await verifierKey('hanse.example/log', 'note', signer.publicKey);
    const log = await AuditLog.open(file, { key, signer });
    const entries = Array(TOGETHER).fill({ bytes: ENTRY });
    const begun = performance.now();
    const rounds = count / TOGETHER / waiting;
    await Promise.all(
      Array.from({ length: waiting }, async () => {
        for (let round = 0; round < rounds; round += 1) await log.append(entries);
      }),
    );
    return (1000 * log.size) / (performance.now() - begun);
  } finally {
    file.close();
    await rm(folder, { recursive: true });
  }
}

/** A log of a million entries, of which only the hashes are kept. */
async function aMillion() {
  const levels: Uint8Array[] = [];
  const tree = new GrowingTree();
  for (let index = 0; index < MILLION; index += 1)
    for (const { level, place, hash } of await tree.add(await leafOf(index))) {
      const hashes = levels[level] ?? new Uint8Array(32 * Math.ceil(MILLION / 256 ** level));
      levels[level] = hashes;
      hashes.set(hash, 32 * place);
    }
  const read = async ({ level, index, width }: Tile) =>
    (levels[level as number] ?? new Uint8Array()).subarray(8192 * index, 8192 * index + 32 * width);
  return { read, root: await tree.root(), leafOf };
}

function leafOf(index: number): Promise<Uint8Array> {
  return leafHash(primitives, concatBytes(new Uint8Array(new Uint32Array([index]).buffer), ENTRY));
}

async function inTurns(check: () => Promise<void>): Promise<Samples> {
  const hashing = async () => {
    for (let i = 0; i < 1000; i += 1) await leafHash(primitives, ENTRY);
    return { units: 1000 };
  };
  const checking = async () => {
    await check();
    return { units: PROOFS };
  };
  return cpuMsInTurns(checking, hashing, 5);
}
