import fc from 'fast-check';
import { expect, test } from 'vitest';
import { countedWitnesses, nodeWitnessKey, nodeWitnessPolicy } from '../../../protocol/audit/node-witness.ts';
import {
  formatWitnessPolicy,
  isQuorum,
  missingOf,
  parseWitnessPolicy,
  quorumStanding,
} from '../../../protocol/audit/witness-policy.ts';
import { noteKey } from './notes.ts';

const { key: log } = await noteKey('hanse.example/log');
let made = 0;
const nodeIn = (organisationId: string) => {
  made += 1;
  const publicKey = new Uint8Array(32);
  new DataView(publicKey.buffer).setUint32(0, made);
  return { organisationId, nodeId: made.toString(16).padStart(32, '0'), publicKey };
};

test('the key is named by organisation and node', async () => {
  const node = nodeIn('bank.example');
  const key = await nodeWitnessKey(node);
  expect([key.name, key.type]).toEqual([`bank.example/${node.nodeId}`, 'cosignature']);
});

test('a few of each organisation are counted, and no more organisations than a policy has room for', async () => {
  const many = Array.from({ length: 300 }, (_, at) => [nodeIn(`org-${at}`), nodeIn('org-0')]).flat();
  const counted = countedWitnesses(many);
  expect(counted).toHaveLength(256 + 2);
  const policy = await nodeWitnessPolicy(log, counted);
  expect(await parseWitnessPolicy(formatWitnessPolicy(policy))).toEqual(policy);
});

test('a node that changes its key takes no place of another, and neither do all that do so at once', async () => {
  const old = Array.from({ length: 256 * 3 }, (_, at) => nodeIn(`org-${at % 256}`));
  const next = old.map(({ organisationId }) => nodeIn(organisationId));
  const firsts = new Map(next.map((node, at) => [node, old[at] as (typeof old)[number]]));
  const firstKeyOf = (node: (typeof old)[number]) => (firsts.get(node) ?? node).nodeId;
  const few = [0, 256, 512].flatMap((at) => old[at] ?? []);
  const theirs = [0, 256, 512].flatMap((at) => next[at] ?? []);
  expect(countedWitnesses([...few, ...theirs, nodeIn('org-0')], firstKeyOf)).toEqual([...few, ...theirs]);
  const policy = await nodeWitnessPolicy(log, countedWitnesses([...old, ...next], firstKeyOf));
  expect(policy.witnesses).toHaveLength(256 * 3 + 250);
  expect(await parseWitnessPolicy(formatWitnessPolicy(policy))).toEqual(policy);
});

test('nobody is a policy that asks for nobody', async () => {
  const policy = await nodeWitnessPolicy(log, []);
  expect([policy.quorum, isQuorum(policy, new Set()), quorumStanding(policy, new Set())]).toEqual([
    'none',
    true,
    { cosigned: 0, needed: 0 },
  ]);
});

test('a quorum is more than half of the organisations, each by any of its nodes', async () => {
  const organisation = fc.integer({ min: 0, max: 5 }).map((at) => `org-${at}`);
  const worlds = fc.record({
    nodes: fc.array(organisation, { minLength: 1, maxLength: 12 }),
    seen: fc.array(fc.boolean(), { minLength: 12, maxLength: 12 }),
  });
  await fc.assert(
    fc.asyncProperty(worlds, async ({ nodes: organisations, seen }) => {
      const nodes = countedWitnesses(organisations.map(nodeIn));
      const policy = await nodeWitnessPolicy(log, nodes);
      const saw = nodes.filter((_, at) => seen[at]);
      const names = new Set(saw.map(({ organisationId, nodeId }) => `${organisationId}/${nodeId}`));
      const share = new Set(saw.map(({ organisationId }) => organisationId)).size;
      const all = new Set(organisations).size;
      expect(isQuorum(policy, names)).toBe(share > all / 2);
      const missing = missingOf(policy, names).map((name) => name.replace('/any', ''));
      expect(new Set(missing)).toEqual(
        new Set(organisations.filter((one) => !saw.some(({ organisationId }) => organisationId === one))),
      );
      expect(quorumStanding(policy, names)).toEqual({ cosigned: share, needed: Math.floor(all / 2) + 1 });
    }),
    { numRuns: 60 },
  );
});

test('a policy of a single witness is met by it', async () => {
  const { key } = await noteKey('org/node', 'cosignature', 3);
  const policy = { logs: [{ key: log }], witnesses: [{ name: 'one', key }], groups: [], quorum: 'one' };
  expect(quorumStanding(policy, new Set())).toEqual({ cosigned: 0, needed: 1 });
  expect(quorumStanding(policy, new Set(['one']))).toEqual({ cosigned: 1, needed: 1 });
});
