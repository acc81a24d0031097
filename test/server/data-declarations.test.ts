import { expect, test } from 'vitest';
import type { AuditNote } from '../../server/audit-notes.ts';
import { DataDeclarations } from '../../server/data-declarations.ts';

const [NODE, OTHER] = ['0'.repeat(32), '1'.repeat(32)] as const;
const holding = (...names: string[]) => ({
  dataSets: names.map((name) => ({ name, version: '1', inputShape: [4] })),
});

function scripted() {
  const noted: AuditNote[] = [];
  const state = { isFull: false };
  const record = async (note: AuditNote) => {
    if (state.isFull) throw new Error('full');
    noted.push(note);
  };
  return { noted, state, declarations: new DataDeclarations({ record }) };
}

test('what a node holds is noted when it changes, by name and version alone', async () => {
  const { noted, declarations } = scripted();
  for (const held of [holding(), holding('a'), holding('a'), holding('a', 'b'), holding()])
    await declarations.note(NODE, held);
  await declarations.note(OTHER, holding('a'));
  expect(noted.map(({ data }) => data)).toEqual([
    { nodeId: NODE, dataSets: [{ name: 'a', version: '1' }] },
    {
      nodeId: NODE,
      dataSets: [
        { name: 'a', version: '1' },
        { name: 'b', version: '1' },
      ],
    },
    { nodeId: NODE, dataSets: [] },
    { nodeId: OTHER, dataSets: [{ name: 'a', version: '1' }] },
  ]);
});

test('what could not be noted is noted the next time', async () => {
  const { noted, state, declarations } = scripted();
  state.isFull = true;
  await expect(declarations.note(NODE, holding('a'))).rejects.toThrow('full');
  state.isFull = false;
  await declarations.note(NODE, holding('a'));
  expect(noted).toHaveLength(1);
});
