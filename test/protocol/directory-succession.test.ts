import { beforeAll, describe, expect, test } from 'vitest';
import type { PinnedFederation } from '../../protocol/admission.ts';
import { statementSha256 } from '../../protocol/directory.ts';
import { checkSuccession, directoryChanges } from '../../protocol/directory-succession.ts';
import type { Directory, DirectoryNode, DirectoryOrganisation } from '../../schemas/directory.ts';
import {
  AT,
  admittedNode,
  directoryOf,
  LATER,
  organisationOf,
  pinnedFederation,
  succeedingNode,
} from '../fixtures/directory-maker.ts';

let federation: PinnedFederation;
let clinic: DirectoryOrganisation;
let lab: DirectoryOrganisation;
let first: Directory;

beforeAll(async () => {
  federation = await pinnedFederation();
  clinic = await organisationOf('clinic', ['a', 'b']);
  lab = await organisationOf('lab', ['c']);
  first = await directoryOf([clinic]);
});

const follow = (pinned: Directory, directory: Directory, between: readonly Directory[] = []) =>
  checkSuccession(
    pinned,
    { directory, between: between.map(({ statement, signature }) => ({ statement, signature })) },
    federation,
  );

const changed = (organisation: DirectoryOrganisation, at: number, change: Partial<DirectoryNode>) => ({
  ...organisation,
  nodes: organisation.nodes.map((node, i) => (i === at ? { ...node, ...change } : node)),
});

describe('a later version', () => {
  test('is the same, or the next, or one reached over those between', async () => {
    const second = await directoryOf([clinic, lab], first);
    const third = await directoryOf([{ ...clinic, revokedAt: LATER }, lab], second);
    const fourth = await directoryOf(
      [{ ...clinic, revokedAt: LATER }, changed(lab, 0, { revokedAt: AT })],
      third,
    );
    await expect(follow(first, first)).resolves.toEqual(first);
    await expect(follow(first, second)).resolves.toEqual(second);
    await expect(follow(first, fourth, [second, third])).resolves.toEqual(fourth);
  });

  test('is refused with a gap, in another order, or with more than there is', async () => {
    const second = await directoryOf([clinic, lab], first);
    const third = await directoryOf([clinic, lab], second);
    const fourth = await directoryOf([clinic, lab], third);
    for (const between of [
      [],
      [second],
      [third],
      [third, second],
      [second, third, third],
      [first, second, third],
    ])
      await expect(follow(first, fourth, between)).rejects.toMatchObject({ code: 'directoryInvalid' });
    await expect(follow(first, fourth, [second, third])).resolves.toBeDefined();
  });

  test('that lies behind the pinned one is a rollback', async () => {
    const second = await directoryOf([clinic, lab], first);
    await expect(follow(second, first)).rejects.toMatchObject({
      code: 'directoryRolledBack',
      detail: { pinned: 2, got: 1 },
    });
    await expect(follow(second, second)).resolves.toBeDefined();
  });

  test('of the same number with other content is a fork', async () => {
    const other = await directoryOf([clinic, lab]);
    await expect(follow(first, other)).rejects.toMatchObject({
      code: 'directoryForked',
      detail: { version: 1, pinned: await statementSha256(first.statement) },
    });
    await expect(follow(other, other)).resolves.toBeDefined();
  });

  test('that stands upon another than the pinned one is a fork', async () => {
    const elsewhere = await directoryOf([clinic, lab], await directoryOf([lab]));
    await expect(follow(first, elsewhere)).rejects.toMatchObject({ code: 'directoryForked' });
    const second = await directoryOf([clinic, lab], first);
    const strayed = await directoryOf([clinic, lab], elsewhere);
    await expect(follow(first, strayed, [second])).rejects.toMatchObject({ code: 'directoryForked' });
    await expect(follow(first, second)).resolves.toBeDefined();
  });

  test('must be signed by the pinned coordinator, as must those between', async () => {
    const forged = await directoryOf([clinic, lab], first, { signer: 'somebody' });
    const upon = await directoryOf([clinic, lab], forged);
    await expect(follow(first, forged)).rejects.toMatchObject({ code: 'directoryInvalid' });
    await expect(follow(first, upon, [forged])).rejects.toMatchObject({ code: 'directoryInvalid' });
  });
});

/** Changes from `[clinic, lab]`, signed by the coordinator. */
const CHANGES: readonly (readonly [
  what: string,
  reason: string | null,
  change: () => Promise<DirectoryOrganisation[]>,
])[] = [
  ['an organisation comes', null, async () => [clinic, lab, await organisationOf('new', ['d'])]],
  [
    'a node comes',
    null,
    async () => [clinic, { ...lab, nodes: [...lab.nodes, await admittedNode('d', 'lab')] }],
  ],
  ['a node is revoked', null, async () => [changed(clinic, 0, { revokedAt: LATER }), lab]],
  ['an organisation is revoked', null, async () => [{ ...clinic, revokedAt: LATER }, lab]],
  [
    'a node changes its key',
    null,
    async () => {
      const ended = changed(lab, 0, { validUntil: LATER });
      return [clinic, { ...ended, nodes: [...ended.nodes, await succeedingNode('d', 'c')] }];
    },
  ],
  ['an organisation vanishes', 'organisation lab has vanished', async () => [clinic]],
  [
    'an organisation changes its key',
    'lab has changed',
    async () => [clinic, { ...(await organisationOf('lab', ['c'])), publicKey: 'f'.repeat(64) }],
  ],
  [
    'a node vanishes',
    'has vanished from clinic',
    async () => [{ ...clinic, nodes: clinic.nodes.slice(1) }, lab],
  ],
  [
    'a node moves to another organisation',
    'has vanished from clinic',
    async () => [
      { ...clinic, nodes: clinic.nodes.slice(1) },
      { ...lab, nodes: [...lab.nodes, ...clinic.nodes.slice(0, 1)] },
    ],
  ],
  ['a node changes its role', 'has changed', async () => [changed(clinic, 0, { role: 'operator' }), lab]],
  [
    'a node changes its beginning',
    'has changed',
    async () => [changed(clinic, 0, { validFrom: LATER }), lab],
  ],
  [
    'the coordinator invents a node',
    'was not admitted by lab',
    async () => [clinic, { ...lab, nodes: [...lab.nodes, await admittedNode('spy', 'lab', 'coordinator')] }],
  ],
  [
    'the coordinator invents a node of an organisation with a node of the same key',
    'there twice',
    async () => [clinic, lab, { ...(await organisationOf('new', [])), nodes: [...lab.nodes] }],
  ],
];

test.each(CHANGES)('%s', async (_, reason, change) => {
  const before = await directoryOf([clinic, lab]);
  const followed = follow(before, await directoryOf(await change(), before));
  if (reason === null) await expect(followed).resolves.toBeDefined();
  else
    await expect(followed).rejects.toMatchObject({
      code: 'directoryInvalid',
      detail: { reason: expect.stringContaining(reason) },
    });
});

test('no revocation and no end is taken back or moved, and nobody comes after a revocation', async () => {
  const ended = changed(changed(clinic, 0, { revokedAt: AT }), 1, { validUntil: AT });
  const before = await directoryOf([ended, { ...lab, revokedAt: AT }]);
  const now = [ended, { ...lab, revokedAt: AT }] as const;
  const allowed = await directoryOf([...now], before);
  await expect(follow(before, allowed)).resolves.toBeDefined();
  const refusedChanges = [
    [changed(ended, 0, { revokedAt: null }), now[1]],
    [changed(ended, 0, { revokedAt: LATER }), now[1]],
    [changed(ended, 1, { validUntil: LATER }), now[1]],
    [ended, lab],
    [ended, { ...now[1], nodes: [...lab.nodes, await admittedNode('d', 'lab')] }],
    [{ ...ended, nodes: [...ended.nodes, await succeedingNode('e', 'a')] }, now[1]],
  ];
  for (const organisations of refusedChanges)
    await expect(follow(before, await directoryOf(organisations, before))).rejects.toMatchObject({
      code: 'directoryInvalid',
    });
});

test('changes are told in words', async () => {
  const [a, b] = clinic.nodes as [DirectoryNode, DirectoryNode];
  expect(directoryChanges(undefined, first)).toEqual([
    { change: 'organisationAdded', organisationId: 'clinic' },
    { change: 'nodeAdded', organisationId: 'clinic', nodeId: a.nodeId },
    { change: 'nodeAdded', organisationId: 'clinic', nodeId: b.nodeId },
  ]);
  const successor = await succeedingNode('new', 'a');
  const after = await directoryOf([
    {
      ...changed(clinic, 1, { revokedAt: LATER }),
      nodes: [{ ...a, validUntil: LATER }, { ...b, revokedAt: LATER }, successor],
    },
    { ...lab, revokedAt: LATER },
  ]);
  expect(directoryChanges(first, after)).toEqual([
    { change: 'nodeRevoked', organisationId: 'clinic', nodeId: b.nodeId },
    { change: 'nodeReplaced', organisationId: 'clinic', nodeId: successor.nodeId },
    { change: 'organisationAdded', organisationId: 'lab' },
    { change: 'nodeAdded', organisationId: 'lab', nodeId: lab.nodes[0]?.nodeId },
    { change: 'organisationRevoked', organisationId: 'lab' },
  ]);
  expect(directoryChanges(after, after)).toEqual([]);
});
