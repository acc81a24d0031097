import { expect, test } from 'vitest';
import {
  companyOf,
  isValidNode,
  knownOrganisations,
  organisationOfNode,
  pinnedParticipants,
  presentOrganisations,
} from '../../protocol/known-organisations.ts';
import type { DirectoryNode } from '../../schemas/directory.ts';
import { AT, directoryOf, LATER, organisationOf } from '../fixtures/directory-maker.ts';

const NOW = '2026-01-15T00:00:00.000Z';

test('known are organisations listed by id or by key, unless they are revoked', async () => {
  const [clinic, lab, other] = await Promise.all(
    ['clinic', 'lab', 'other'].map((id) => organisationOf(id, [`node of ${id}`])),
  );
  if (!clinic || !lab || !other) throw new Error('unreachable');
  const directory = await directoryOf([clinic, lab, { ...other, revokedAt: AT }]);
  const ids = (listed: readonly string[]) =>
    knownOrganisations(directory, listed).map(({ organisationId }) => organisationId);
  expect(ids([])).toEqual([]);
  expect(ids(['clinic', lab.publicKey, 'nobody'])).toEqual(['clinic', 'lab']);
  expect(ids(['other', other.publicKey, 'clinic', clinic.publicKey])).toEqual(['clinic']);
});

test('organisations are present once, however many nodes, and only by nodes that are valid', async () => {
  const clinic = await organisationOf('clinic', ['a', 'b']);
  const lab = await organisationOf('lab', ['c', 'd', 'e']);
  const [a, b] = clinic.nodes as [DirectoryNode, DirectoryNode];
  const [c, d, e] = lab.nodes as [DirectoryNode, DirectoryNode, DirectoryNode];
  const nodes = [
    { ...c, revokedAt: AT },
    { ...d, validUntil: AT },
    { ...e, validUntil: LATER },
  ];
  const directory = await directoryOf([clinic, { ...lab, nodes }]);
  const among = (...present: readonly DirectoryNode[]) => {
    const nodeIds = present.map(({ nodeId }) => nodeId);
    return presentOrganisations(directory, ['clinic', lab.publicKey], nodeIds, NOW).map(
      ({ organisationId }) => organisationId,
    );
  };
  expect(among()).toEqual([]);
  expect(among(a, b)).toEqual(['clinic']);
  expect(among(a, c)).toEqual(['clinic']);
  expect(among(a, d)).toEqual(['clinic']);
  expect(among(a, b, e)).toEqual(['clinic', 'lab']);
  expect(presentOrganisations(directory, ['clinic'], [e.nodeId], NOW)).toEqual([]);
});

test('whose node it is is said whether or not it is revoked, and of whom the directory does not have nothing is', async () => {
  const clinic = await organisationOf('clinic', ['a', 'b']);
  const [a, b] = clinic.nodes as [DirectoryNode, DirectoryNode];
  const gone = { ...(await organisationOf('gone', ['c'])), revokedAt: AT };
  const directory = await directoryOf([{ ...clinic, nodes: [a, { ...b, revokedAt: AT }] }, gone]);
  const named = ({ organisationId, publicKey }: typeof clinic, isRevoked: boolean) => ({
    organisationId,
    publicKey,
    isRevoked,
  });
  const stranger = '0'.repeat(32);
  expect(organisationOfNode(directory, a.nodeId)).toEqual(named(clinic, false));
  expect(organisationOfNode(directory, b.nodeId)).toEqual(named(clinic, true));
  expect(organisationOfNode(directory, gone.nodes[0]?.nodeId ?? '')).toEqual(named(gone, true));
  expect(organisationOfNode(directory, stranger)).toBeUndefined();
  const { organisations, strangers } = companyOf(directory, [
    a.nodeId,
    b.nodeId,
    stranger,
    stranger,
    a.nodeId,
  ]);
  expect([organisations.map(({ organisationId }) => organisationId), strangers]).toEqual([['clinic'], 1]);
});

test('pinned are the keys of participants that are valid, of organisations that are not revoked', async () => {
  const clinic = await organisationOf('clinic', ['a', 'b', 'c', 'd', 'e']);
  const gone = await organisationOf('gone', ['f']);
  const [a, b, c, d, e] = clinic.nodes as DirectoryNode[] as [
    DirectoryNode,
    DirectoryNode,
    DirectoryNode,
    DirectoryNode,
    DirectoryNode,
  ];
  const nodes: DirectoryNode[] = [
    a,
    { ...b, validUntil: LATER },
    { ...c, validUntil: AT },
    { ...d, revokedAt: AT },
    { ...e, role: 'evaluator' },
  ];
  const directory = await directoryOf([
    { ...clinic, nodes },
    { ...gone, revokedAt: AT },
  ]);
  const keys = (nodes: readonly DirectoryNode[]) => nodes.map(({ nodeId, publicKey }) => [nodeId, publicKey]);
  expect([...pinnedParticipants(directory, NOW)].sort()).toEqual(keys([a, b]).sort());
  expect([...pinnedParticipants(directory, LATER)]).toEqual(keys([a]));
  expect(pinnedParticipants(await directoryOf([gone]), NOW).size).toBe(1);
});

test('a node is valid until its end, and never once it is revoked', () => {
  expect(isValidNode({ revokedAt: null, validUntil: null }, NOW)).toBe(true);
  expect(isValidNode({ revokedAt: null, validUntil: LATER }, NOW)).toBe(true);
  expect(isValidNode({ revokedAt: null, validUntil: NOW }, NOW)).toBe(false);
  expect(isValidNode({ revokedAt: AT, validUntil: LATER }, NOW)).toBe(false);
});
