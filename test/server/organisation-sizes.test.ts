import { expect, test } from 'vitest';
import { organisationSizes } from '../../server/organisation-sizes.ts';
import { TestFederation } from '../fixtures/federation.ts';

test('members that are neither revoked nor replaced, as of the directory of now', async () => {
  const { coordinator, participants, operator } = await TestFederation.open({ participants: 2 });
  const { federation } = coordinator;
  const sizeOf = organisationSizes(federation);
  const [first, second] = participants;
  if (!first || !second) throw new Error('the fixture has two');
  const organisationOf = (nodeId: string) => federation.member(nodeId)?.organisationId ?? '';
  const before = sizeOf(organisationOf(first.nodeId));
  expect(before).toBeGreaterThan(0);
  expect(sizeOf('nobody')).toBe(0);
  await federation.revoke(first.nodeId, 'lost', operator.nodeId);
  expect(sizeOf(organisationOf(first.nodeId))).toBe(before - 1);
});
