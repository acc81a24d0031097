import { expect, test } from 'vitest';
import { primitives } from '#primitives';
import { memoryAttemptLog } from '../../client/attempt-journal.ts';
import { NodeLedger } from '../../client/node-ledger.ts';
import { PolicyGate } from '../../client/policy-gate.ts';
import { securePartyOf } from '../../client/secure-party.ts';
import type { Directory, DirectoryNode } from '../../schemas/directory.ts';
import { VirtualClock } from '../../sim/virtual-clock.ts';
import { directoryOf, keyOf, LATER, organisationOf } from '../fixtures/directory-maker.ts';

const MEMBER = {
  nodeId: 'a'.repeat(32),
  federationId: 'fed-0123456789abcdef',
  coordinatorKey: 'ab'.repeat(32),
};

async function partyWith(directory: { pinned: Directory | undefined }) {
  const clock = new VirtualClock(Date.parse('2026-01-15T00:00:00.000Z'));
  const policy = { knownOrganisations: ['clinic'], minimumKnownOrganisations: 1 };
  const ledger = new NodeLedger();
  const gate = new PolicyGate({ policy, limits: {}, clock, ledger, directory: () => directory.pinned });
  const log = memoryAttemptLog();
  const signer = await keyOf('a');
  return { clock, log, party: securePartyOf({ member: MEMBER, signer, log, directory, gate, clock }) };
}

test('a member trains with those that its own directory has, as it is by then', async () => {
  const clinic = await organisationOf('clinic', ['a', 'b']);
  const [a, b] = clinic.nodes as [DirectoryNode, DirectoryNode];
  const directory: { pinned: Directory | undefined } = { pinned: undefined };
  const { party, clock } = await partyWith(directory);
  expect(party.pinned()(a.nodeId)).toBeUndefined();
  directory.pinned = await directoryOf([{ ...clinic, nodes: [a, { ...b, validUntil: LATER }] }]);
  expect(party.pinned()(a.nodeId)).toBe(a.publicKey);
  expect(party.pinned()(b.nodeId)).toBe(b.publicKey);
  expect(party.pinned()('0'.repeat(32))).toBeUndefined();
  await clock.advance(Date.parse(LATER) - clock.now());
  expect(party.pinned()(a.nodeId)).toBe(a.publicKey);
  expect(party.pinned()(b.nodeId)).toBeUndefined();
});

test('it asks its owner before it helps to open a sum', async () => {
  const clinic = await organisationOf('clinic', ['a']);
  const { party } = await partyWith({ pinned: await directoryOf([clinic]) });
  expect(() => party.admitSurvivors?.([clinic.nodes[0]?.nodeId ?? ''])).not.toThrow();
  expect(() => party.admitSurvivors?.(['0'.repeat(32)])).toThrow(
    expect.objectContaining({ code: 'policyRefused' }),
  );
});

test('what it has spent is in the log that it was given, and its secrets are never drawn from a seed', async () => {
  const { party, log } = await partyWith({ pinned: undefined });
  expect(party.random).toBe(primitives.random);
  expect(party).toMatchObject(MEMBER);
  const task = { type: 'train', jobId: 'job-0123456789abcdef', manifestSha256: '0'.repeat(64) } as const;
  const deadline = '2026-01-15T12:00:00.000Z';
  await party.journal.begin({ ...task, round: 2, attempt: 1, model: '1'.repeat(64), deadline });
  expect(await log.read('job-0123456789abcdef')).toMatchObject({ round: 2, attempt: 1 });
});
