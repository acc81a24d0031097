import { beforeAll, describe, expect, test } from 'vitest';
import type { PinnedFederation } from '../../protocol/admission.ts';
import { checkDirectory, organisationsSha256 } from '../../protocol/directory.ts';
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

beforeAll(async () => {
  federation = await pinnedFederation();
  clinic = await organisationOf('clinic', ['a', 'b']);
  lab = await organisationOf('lab', ['c']);
});

const refused = (reason: string) => ({
  code: 'directoryInvalid',
  detail: { reason: expect.stringContaining(reason) },
});
const withNodes = (organisation: DirectoryOrganisation, nodes: readonly DirectoryNode[]) => ({
  ...organisation,
  nodes: [...nodes],
});

test('a directory is sound if the coordinator signed it and each organisation its nodes', async () => {
  await expect(checkDirectory(await directoryOf([clinic, lab]), federation)).resolves.toBeUndefined();
  await expect(checkDirectory(await directoryOf([]), federation)).resolves.toBeUndefined();
});

test('the hash covers every member of every entry', async () => {
  const hash = await organisationsSha256([clinic, lab]);
  expect(await organisationsSha256(structuredClone([clinic, lab]))).toBe(hash);
  const others = [
    [lab, clinic],
    [clinic],
    [{ ...clinic, revokedAt: AT }, lab],
    [withNodes(clinic, clinic.nodes.toReversed()), lab],
    [withNodes(clinic, [{ ...(clinic.nodes[0] as DirectoryNode), revokedAt: AT }]), lab],
  ];
  const hashes = await Promise.all(others.map(organisationsSha256));
  expect(new Set([hash, ...hashes]).size).toBe(others.length + 1);
});

/** What a coordinator could sign although it must not. */
const FORGED: readonly (readonly [what: string, reason: string, forge: () => Promise<Directory>])[] = [
  [
    'another coordinator signed it',
    'not of the pinned coordinator',
    () => directoryOf([clinic], undefined, { signer: 'somebody' }),
  ],
  [
    'it is of another federation',
    'another federation',
    () => directoryOf([clinic], undefined, { federationId: 'fed-0000000000000000' }),
  ],
  [
    'its statement was altered',
    'not of the pinned coordinator',
    async () => {
      const directory = await directoryOf([clinic]);
      return { ...directory, statement: { ...directory.statement, issuedAt: LATER } };
    },
  ],
  [
    'its entries were altered',
    'not those that were signed',
    async () => ({ ...(await directoryOf([clinic])), organisations: [lab] }),
  ],
  [
    'a node was invented by the coordinator',
    'was not admitted by clinic',
    async () =>
      directoryOf([withNodes(clinic, [...clinic.nodes, await admittedNode('spy', 'clinic', 'coordinator')])]),
  ],
  [
    'a node has another role than the one that it was admitted in',
    'was not admitted by clinic',
    async () =>
      directoryOf([withNodes(clinic, [{ ...(await admittedNode('a', 'clinic')), role: 'researcher' }])]),
  ],
  [
    'a node id is not that of its key',
    'is not that of its key',
    async () => {
      const [first] = clinic.nodes;
      return directoryOf([withNodes(clinic, [{ ...(first as DirectoryNode), nodeId: '0'.repeat(32) }])]);
    },
  ],
  [
    'an organisation is there twice',
    'organisation clinic is there twice',
    () => directoryOf([clinic, clinic]),
  ],
  [
    'a node is in two organisations',
    'is there twice',
    async () => directoryOf([clinic, withNodes(lab, [await admittedNode('a', 'lab')])]),
  ],
  [
    'a node is there twice',
    'is there twice',
    async () => directoryOf([withNodes(clinic, [...clinic.nodes, ...clinic.nodes.slice(0, 1)])]),
  ],
  [
    'two organisations have one key',
    'is there twice',
    async () => directoryOf([clinic, { ...lab, publicKey: clinic.publicKey, nodes: [] }]),
  ],
  [
    'an organisation has the key of a node',
    'is there twice',
    async () => directoryOf([withNodes(clinic, [await admittedNode('clinic', 'clinic')])]),
  ],
];

test.each(FORGED)('a directory is refused if %s', async (_, reason, forge) => {
  await expect(checkDirectory(await forge(), federation)).rejects.toMatchObject(refused(reason));
  await expect(checkDirectory(await directoryOf([clinic, lab]), federation)).resolves.toBeUndefined();
});

describe('a node that takes the place of another', () => {
  const old = async () => ({ ...(await admittedNode('a', 'clinic')), validUntil: LATER });

  test('needs no admission of its own', async () => {
    const nodes = [await old(), await succeedingNode('new', 'a')];
    await expect(
      checkDirectory(await directoryOf([withNodes(clinic, nodes)]), federation),
    ).resolves.toBeUndefined();
  });

  test.each<readonly [string, string, () => Promise<DirectoryNode[]>]>([
    ['of no node', 'takes no node', async () => [await succeedingNode('new', 'a')]],
    [
      'of one that has no end',
      'takes no node',
      async () => [await admittedNode('a', 'clinic'), await succeedingNode('new', 'a')],
    ],
    [
      'that another has taken',
      'takes no node',
      async () => [await old(), await succeedingNode('new', 'a'), await succeedingNode('newer', 'a')],
    ],
    [
      'in another role',
      'takes no node',
      async () => [await old(), { ...(await succeedingNode('new', 'a')), role: 'operator' }],
    ],
    [
      'in a circle, so that nobody was admitted',
      'takes no node',
      async () => [
        { ...(await succeedingNode('a', 'new')), validUntil: LATER },
        { ...(await succeedingNode('new', 'a')), validUntil: LATER },
      ],
    ],
    [
      'without its consent',
      'was not named by the node',
      async () => {
        const stolen = await succeedingNode('new', 'thief');
        const { nodeId: from } = await old();
        return [await old(), { ...stolen, proof: { ...stolen.proof, from } as DirectoryNode['proof'] }];
      },
    ],
  ])('%s is refused', async (_, reason, nodes) => {
    const directory = await directoryOf([withNodes(clinic, await nodes())]);
    await expect(checkDirectory(directory, federation)).rejects.toMatchObject(refused(reason));
  });
});

test('the key of a small subgroup signs nothing', async () => {
  const weak = { ...federation, coordinatorKey: '01'.padEnd(64, '0') };
  await expect(checkDirectory(await directoryOf([clinic]), weak)).rejects.toMatchObject(
    refused('not of the pinned coordinator'),
  );
});
