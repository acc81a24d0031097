// covers: server/audit-notes.ts
/**
 * Notes of an audit log that is killed, or whose medium fails, at every moment of a transaction: each that was acknowledged is there,
 * none is there twice, their numbers have no gap, and the cursor is where they end.
 */
import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { AuditFile } from '../../server/store/audit-file.ts';

const script = fileURLToPath(new URL('audit-child.mjs', import.meta.url));
const isBuilt = existsSync(new URL('../../dist/server/audit-notes.js', import.meta.url));

/** The first transaction of a new log is its checkpoint over nothing; those after it have events, notes, or both. */
const FAULTS = [
  ...['before', 'within', 'after', 'failing', 'persisting'].map((moment) => ({ moment, turn: 2 })),
  ...['within', 'persisting'].map((moment) => ({ moment, turn: 1 })),
];

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'hanse-notes-kill-'));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

/** All that it printed before it died. */
async function live(path: string, moment: string, turn: number): Promise<string[]> {
  const child = spawn(process.execPath, [script, path, moment, `${turn}`, 'notes'], {
    stdio: ['ignore', 'pipe', 'ignore'],
  });
  const printed: string[] = [];
  for await (const line of createInterface({ input: child.stdout })) printed.push(line);
  return printed;
}

/** What does not hold, given everything that was acknowledged. */
function judge(path: string, printed: readonly string[]): string[] {
  const file = new AuditFile(path, { readOnly: true });
  try {
    const entries = file.entries(0, 10_000).map((entry) => new TextDecoder().decode(entry));
    const notes = entries.flatMap((text) => (text.startsWith('{') ? [JSON.parse(text)] : []));
    const names: string[] = notes.map(({ data }) => data.software);
    const faults: string[] = [];
    if (notes.some(({ id }, at) => id !== `notes/${at + 1}`)) faults.push('a gap, or a number twice');
    if (file.cursor('notes') !== notes.length) faults.push('the cursor is elsewhere');
    if (new Set(names).size !== names.length) faults.push('a note twice');
    for (const line of printed)
      if (line.startsWith('noted ') && !names.includes(line.slice('noted '.length)))
        faults.push(`lost: ${line}`);
    const events = entries.filter((text) => text.startsWith('event '));
    if (events.some((text, at) => text !== `event ${at + 1}`)) faults.push('an event twice, or none');
    return faults;
  } finally {
    file.close();
  }
}

describe.skipIf(!isBuilt)('the notes of an audit log (needs the build: npm test makes it)', () => {
  test('have no gap and none twice, whenever it is killed or its medium fails', async () => {
    const path = join(folder, 'audit.sqlite');
    const printed: string[] = [];
    for (const { moment, turn } of FAULTS) {
      printed.push(...(await live(path, moment, turn)));
      // A log that cannot be begun says nothing; every other life does.
      if (existsSync(path)) expect(judge(path, printed), `${moment} ${turn}`).toEqual([]);
    }
    const count = (word: string) => printed.filter((line) => line.startsWith(word)).length;
    expect(count('noted')).toBeGreaterThan(2 * FAULTS.length);
    expect(count('refused')).toBeGreaterThan(0);
    // The judge is not blind.
    expect(judge(path, ['noted by nobody'])).toEqual(['lost: noted by nobody']);
  });
});
