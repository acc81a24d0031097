import { beforeAll, expect, test } from 'vitest';
import { Findings } from '../../../protocol/audit/findings.ts';
import { encodeLeaf } from '../../../protocol/audit/leaf.ts';
import { SaltAudit, type SaltLine } from '../../../protocol/audit/salt-audit.ts';
import { salted } from '../../../protocol/audit/salted-field.ts';
import { toHex } from '../../../protocol/bytes.ts';
import type { AuditEvent } from '../../../schemas/audit-event.ts';
import { AT, HASH } from '../../fixtures/sample-events.ts';

const SALT = new Uint8Array(16).fill(7);
let entries: Uint8Array[];

const line = (index: number, more: Partial<SaltLine> = {}): SaltLine => ({
  ...{ index, pointer: '/data/node', salt: toHex(SALT), value: `"node ${index}"` },
  ...more,
});

/** Four of them, each with one salted field. */
beforeAll(async () => {
  entries = await Promise.all(
    [0, 1, 2, 3].map(async (index) => {
      const data = {
        jobId: 'job-0123456789abcdef',
        round: 1,
        attempt: 1,
        node: await salted(SALT, `node ${index}`),
      };
      const event: AuditEvent = {
        ...{ specversion: '1.0', id: `job/job-0123456789abcdef/${index}`, time: AT, data },
        ...{ source: `urn:hanse:coordinator:${HASH}`, type: 'hanse.round.consented' },
        datacontenttype: 'application/json',
      };
      return encodeLeaf(event);
    }),
  );
});

async function found(lines: readonly unknown[]) {
  const findings = new Findings();
  async function* source() {
    yield* lines;
  }
  const audit = new SaltAudit(source(), findings);
  for (const [leaf, bytes] of entries.entries()) await audit.add(leaf, bytes);
  await audit.end();
  return findings.all.map(({ code, leaf }) => (leaf === undefined ? [code] : [code, leaf]));
}

test('salts that open their fields are found to, and those that were erased are not missed', async () => {
  expect(await found([0, 1, 2, 3].map((index) => line(index)))).toEqual([]);
  expect(await found([line(1), line(3)])).toEqual([]);
  expect(await found([])).toEqual([]);
});

test('a salt or a value that is another, or at another place', async () => {
  const other = toHex(new Uint8Array(16).fill(8));
  for (const lie of [
    { value: '"node 2"' },
    { salt: other },
    { pointer: '/data/jobId' },
    { pointer: '/data/none' },
    { pointer: '/data/__proto__/x' },
    { pointer: '' },
  ])
    expect(await found([line(0), line(1, lie), line(2)])).toEqual([['saltMismatch', 1]]);
});

test('lines out of order, behind the log, or that are none', async () => {
  expect(await found([line(1), line(0), line(2)])).toEqual([['saltMismatch', 0]]);
  expect(await found([line(3), line(4)])).toEqual([['saltMismatch', 4]]);
  for (const none of [
    {},
    null,
    { ...line(1), salt: '00' },
    { ...line(1), index: -1 },
    { ...line(1), more: 1 },
  ])
    expect(await found([line(0), none, line(2)])).toEqual([['invalidFormat']]);
});
