import { expect, test } from 'vitest';
import { utf8 } from '../../protocol/bytes.ts';
import type { Sha256 } from '../../schemas/ids.ts';
import { NameableContent } from '../../server/nameable-content.ts';
import { type Node, TestFederation } from '../fixtures/federation.ts';
import { hashOf } from '../fixtures/vector-files.ts';

const GRAPH = utf8('a graph that one organisation alone has');
const sha256 = hashOf(GRAPH);
const NEVER = 'f'.repeat(64);
const problem = (code: string) => expect.objectContaining({ code });

async function threeResearchers() {
  const federation = await TestFederation.open({ participants: 0 });
  const owner = await federation.enrol('owner', 'researcher', 'own.example');
  const colleague = await federation.enrol('colleague', 'researcher', 'own.example');
  const stranger = await federation.enrol('stranger', 'researcher', 'other.example');
  await federation.storeContent();
  for (const organisation of ['own.example', 'other.example'])
    federation.coordinator.nameable.hold(organisation, federation.manifest().initialModel);
  const send = (node: Node) => federation.call('putBlob', node, { params: { sha256 }, body: GRAPH });
  const name = (node: Node, forward: Sha256 = sha256) =>
    federation.call('createJob', node, {
      body: federation.manifest({ graph: { forward, trainStep: forward } }),
    });
  const fetch = (node: Node) => federation.call('getBlob', node, { params: { sha256 } });
  await send(owner);
  await name(owner);
  return { federation, owner, colleague, stranger, send, name, fetch };
}

test('who knows of content by its hash alone gets it by no job of its own, and is told what is told of none', async () => {
  const { colleague, stranger, send, name, fetch } = await threeResearchers();
  const refused = await name(stranger).catch((error: Error) => error);
  expect(refused).toEqual(problem('blobUnknown'));
  const never = (await name(stranger, NEVER).catch((error: Error) => error)) as Error;
  expect((refused as Error).message.replaceAll(sha256, NEVER)).toBe(never.message);
  await expect(fetch(stranger)).rejects.toEqual(problem('blobUnknown'));
  // Whoever sees the job names what it names, and whoever has the content itself does.
  await expect(name(colleague)).resolves.toMatchObject({ phase: 'recruiting' });
  await send(stranger);
  await expect(name(stranger)).resolves.toMatchObject({ phase: 'recruiting' });
  await expect(fetch(stranger)).resolves.toMatchObject({ sha256 });
});

test('what was withheld to the end of its job is nobody else’s to name; what no job has named is', () => {
  let now = 0;
  const known = (isNamed: boolean, isWithdrawn: boolean) =>
    new NameableContent({
      accessControl: { seesJob: () => false } as never,
      readable: { has: () => isNamed, wasWithdrawn: () => isWithdrawn, mayFetch: () => false } as never,
      clock: { now: () => now, schedule: () => () => {} },
    });
  const caller = {
    kind: 'node',
    id: '0'.repeat(32),
    organisationId: 'own.example',
    role: 'researcher',
  } as const;
  expect(known(false, false).mayName(caller, sha256)).toBe(true);
  expect(known(false, true).mayName(caller, sha256)).toBe(false);
  const named = known(true, false);
  expect(named.mayName(caller, sha256)).toBe(false);
  named.hold('other.example', sha256);
  expect(named.mayName(caller, sha256)).toBe(false);
  named.hold('own.example', sha256);
  expect(named.mayName(caller, sha256)).toBe(true);
  now = 86_400_000; // a day later it has to be sent again
  expect(named.mayName(caller, sha256)).toBe(false);
});

test('of what an organisation has sent the newest thousand are known', () => {
  const content = new NameableContent({
    accessControl: { seesJob: () => false } as never,
    readable: { has: () => true, wasWithdrawn: () => false, mayFetch: () => false } as never,
    clock: { now: () => 0, schedule: () => () => {} },
  });
  const caller = {
    kind: 'node',
    id: '0'.repeat(32),
    organisationId: 'own.example',
    role: 'researcher',
  } as const;
  for (let i = 0; i <= 1000; i += 1) content.hold('own.example', String(i));
  expect([0, 1, 1000].map((i) => content.mayName(caller, String(i)))).toEqual([false, true, true]);
});
