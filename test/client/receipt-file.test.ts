// covers: client/line-file.ts
import { appendFileSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { ReceiptFile } from '../../client/receipt-file.ts';
import { parse } from '../../protocol/parse.ts';
import { UpdateReceipt } from '../../schemas/update-receipt.ts';

let folder: string;
let identity: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'hanse-receipts-'));
  identity = join(folder, 'identity.json');
});
afterEach(() => rmSync(folder, { recursive: true }));

const receiptOf = (round: number): UpdateReceipt => ({
  ...{ jobId: 'job-0123456789abcdef', round, attempt: 1 },
  ...{ sha256: round.toString(16).padStart(64, '0'), bytes: 100 + round },
});
const path = () => `${identity}.receipts`;
const kept = () =>
  readFileSync(path(), 'utf8')
    .trimEnd()
    .split('\n')
    .map((line) => parse(UpdateReceipt, JSON.parse(line), 'receipt'));

test('each is a line, in the order in which they came, also of several lives, for the owner alone', async () => {
  const first = new ReceiptFile(identity);
  await Promise.all([1, 2, 3].map((round) => first.keep(receiptOf(round))));
  const second = new ReceiptFile(identity);
  void second.keep(receiptOf(4));
  void second.keep(receiptOf(5));
  await second.settled();
  expect(kept()).toEqual([1, 2, 3, 4, 5].map(receiptOf));
  expect(statSync(path()).mode & 0o777).toBe(0o600);
});

test('nothing is kept of whatever else a receipt may have', async () => {
  await new ReceiptFile(identity).keep({ ...receiptOf(1), token: 'secret' } as UpdateReceipt);
  expect(readFileSync(path(), 'utf8')).toBe(`${JSON.stringify(receiptOf(1))}\n`);
});

test('a line that a kill has torn is cut off, and those before it stay', async () => {
  await new ReceiptFile(identity).keep(receiptOf(1));
  const whole = JSON.stringify(receiptOf(2));
  for (const torn of [whole.slice(0, 1), whole.slice(0, -1), whole]) {
    appendFileSync(path(), torn);
    await new ReceiptFile(identity).keep(receiptOf(3));
    expect(kept().at(-2)).not.toEqual(receiptOf(2));
    expect(kept().at(-1)).toEqual(receiptOf(3));
  }
  expect(kept()).toEqual([1, 3, 3, 3].map(receiptOf));
  writeFileSync(path(), whole.slice(0, 20));
  await new ReceiptFile(identity).keep(receiptOf(4));
  expect(kept()).toEqual([receiptOf(4)]);
});

test('where it cannot be written that is told, and the next one is tried', async () => {
  const nowhere = new ReceiptFile(join(folder, 'none', 'identity.json'));
  await expect(nowhere.keep(receiptOf(1))).rejects.toMatchObject({ code: 'storageFailed' });
  await nowhere.settled();
  const somewhere = new ReceiptFile(identity);
  await expect(somewhere.keep(receiptOf(1))).resolves.toBeUndefined();
});
