/**
 * An audit log that is killed, or whose medium fails, at every moment of a transaction: what was acknowledged is there, once, at
 * the index that was told; checkpoints go on from each other; and the next process goes on.
 */
import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { primitives } from '#primitives';
import { verifierKey } from '../../protocol/audit/verifier-key.ts';
import { isConsistent } from '../../protocol/merkle-consistency.ts';
import { AuditLog } from '../../server/audit-log.ts';
import { AuditFile } from '../../server/store/audit-file.ts';

const script = fileURLToPath(new URL('audit-child.mjs', import.meta.url));
const isBuilt = existsSync(new URL('../../dist/server/audit-log.js', import.meta.url));
const signer = await primitives.signer(new Uint8Array(32).fill(7));
const by = { signer, key: await verifierKey('hanse.example/log', 'note', signer.publicKey) };

/** The first transaction of a new log is its checkpoint over nothing. */
const FAULTS = ['before', 'within', 'after', 'failing', 'persisting'].flatMap((moment) =>
  [1, 2].map((turn) => ({ moment, turn })),
);

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'hanse-audit-kill-'));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

/** All that it printed before it died. */
async function live(path: string, moment: string, turn: number): Promise<string[]> {
  const child = spawn(process.execPath, [script, path, moment, `${turn}`], {
    stdio: ['ignore', 'pipe', 'ignore'],
  });
  const printed: string[] = [];
  for await (const line of createInterface({ input: child.stdout })) printed.push(line);
  return printed;
}

interface Seen {
  readonly size: number;
  readonly root: Uint8Array;
}

/** What does not hold, given everything that was acknowledged, and what the log was before. */
async function judge(path: string, printed: readonly string[], before: Seen | undefined) {
  const file = new AuditFile(path);
  const faults: string[] = [];
  try {
    const log = await AuditLog.open(file, by);
    const entries = file.entries(0, 1000).map((entry) => new TextDecoder().decode(entry));
    const wanted = entries.map((_, index) => `event ${index + 1}`);
    if (entries.join() !== wanted.join()) faults.push('a gap, or an event twice');
    if (file.cursor('store') !== entries.length) faults.push('the cursor is elsewhere');
    for (const line of printed) {
      const [word, position, index = ''] = line.split(' ');
      if (word === 'appended' && entries[Number(index)] !== `event ${position}`) faults.push(`lost: ${line}`);
    }
    const { size, root } = log.checkpoint;
    if (before && before.size > 0) {
      const proof = before.size <= size ? await log.consistencyProof(before.size, size) : [];
      const claim = { oldSize: before.size, oldRoot: before.root, size, root, proof };
      if (!(await isConsistent(primitives, claim))) faults.push('a fork');
    }
    return { faults, seen: { size, root } };
  } finally {
    file.close();
  }
}

describe.skipIf(!isBuilt)('an audit log (needs the build: npm test makes it)', () => {
  test('has no gap, no duplicate and no fork, whenever it is killed or its medium fails', async () => {
    const path = join(folder, 'audit.sqlite');
    const printed: string[] = [];
    let seen: Seen | undefined;
    for (const { moment, turn } of FAULTS) {
      const lines = await live(path, moment, turn);
      printed.push(...lines);
      // A log that cannot be begun says nothing; every other life does.
      if (existsSync(path)) {
        const { faults, seen: now } = await judge(path, printed, seen);
        expect(faults, `${moment} ${turn}`).toEqual([]);
        seen = now;
      }
    }
    expect(seen?.size).toBeGreaterThan(FAULTS.length);
    expect(printed.filter((line) => line.startsWith('refused')).length).toBeGreaterThan(0);
    // The judge is not blind.
    const { faults } = await judge(path, ['appended 3 7'], { size: 5, root: new Uint8Array(32) });
    expect(faults).toEqual(['lost: appended 3 7', 'a fork']);
  });
});
