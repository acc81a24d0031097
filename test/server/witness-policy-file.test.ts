import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { formatWitnessPolicy, majorityPolicy } from '../../protocol/audit/witness-policy.ts';
import { readWitnessPolicy } from '../../server/witness-policy-file.ts';
import { noteKey } from '../protocol/audit/notes.ts';

let folder: string;
let file: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'hanse-policy-'));
  file = join(folder, 'witness-policy');
});
afterEach(() => rmSync(folder, { recursive: true }));

const refusal = (code: string) => expect.objectContaining({ code });

test('is the one in the file, if it is about this log', async () => {
  const { key: log } = await noteKey('hanse.example/log');
  const { key: other } = await noteKey('hanse.example/log', 'note', 2);
  const { key } = await noteKey('org/node', 'cosignature', 3);
  const policy = majorityPolicy(log, [{ name: 'org', key }]);
  writeFileSync(file, `# pinned\n${formatWitnessPolicy(policy)}`);
  expect(await readWitnessPolicy(file, log)).toEqual(policy);
  await expect(readWitnessPolicy(file, other)).rejects.toEqual(refusal('witnessPolicyInvalid'));
  expect(await readWitnessPolicy('none', log)).toMatchObject({ witnesses: [], quorum: 'none' });
  writeFileSync(file, 'quorum\n');
  await expect(readWitnessPolicy(file, log)).rejects.toEqual(refusal('witnessPolicyInvalid'));
  await expect(readWitnessPolicy(join(folder, 'none'), log)).rejects.toEqual(refusal('dataFileMissing'));
});
