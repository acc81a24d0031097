import { beforeAll, beforeEach, describe, expect, test } from 'vitest';
import {
  type DirectoryEvent,
  type DirectoryPin,
  DirectoryWatch,
  type WatchingMember,
} from '../../client/directory-watch.ts';
import { statementSha256 } from '../../protocol/directory.ts';
import { HanseError } from '../../protocol/problem.ts';
import type { Directory, DirectoryAnswer, DirectoryOrganisation } from '../../schemas/directory.ts';
import {
  AT,
  directoryOf,
  LATER,
  organisationOf,
  pinnedFederation,
  succeedingNode,
} from '../fixtures/directory-maker.ts';
import { type ScriptedCoordinator, scriptedCoordinator } from '../fixtures/scripted-coordinator.ts';

let member: WatchingMember;
let clinic: DirectoryOrganisation;
let lab: DirectoryOrganisation;
let first: Directory;
let second: Directory;
let third: Directory;

/** What the coordinator presents. */
let presented: readonly Directory[];
let stored: Directory[];
let events: DirectoryEvent[];
let api: ScriptedCoordinator;
const { signal } = new AbortController();

beforeAll(async () => {
  clinic = await organisationOf('clinic', ['a', 'b']);
  lab = await organisationOf('lab', ['c']);
  member = {
    ...(await pinnedFederation()),
    nodeId: clinic.nodes[0]?.nodeId ?? '',
    organisationId: 'clinic',
  };
  first = await directoryOf([clinic]);
  second = await directoryOf([clinic, lab], first);
  const [a, b] = clinic.nodes;
  const changed = {
    ...clinic,
    nodes: [
      { ...a, validUntil: LATER },
      { ...b, revokedAt: AT },
      await succeedingNode('a2', 'a'),
    ] as DirectoryOrganisation['nodes'],
  };
  third = await directoryOf([changed, { ...lab, revokedAt: AT }], second);
});

beforeEach(() => {
  presented = [first];
  stored = [];
  events = [];
  api = scriptedCoordinator({ getDirectory: ({ query }) => answer(Number(query.after ?? 0)) });
});

/** As an honest coordinator answers from these versions, of which the last is its latest. */
function answer(after: number): DirectoryAnswer {
  const directory = presented.at(-1) as Directory;
  const between = presented.filter(
    ({ statement: { version } }) => version > after && version < directory.statement.version,
  );
  return {
    directory,
    between: after === 0 ? [] : between.map(({ organisations: _, ...version }) => version),
  };
}

const pin: DirectoryPin = {
  read: async () => stored.at(-1),
  write: async (directory) => {
    stored.push(directory);
  },
};
const watch = () => DirectoryWatch.open({ api, member, pin, observe: (event) => events.push(event) });
const asked = () => api.calls.map(({ request }) => request.query);

test('the first version is pinned and told, by the hash that others can compare', async () => {
  const directory = await watch();
  expect(directory.pinned).toBeUndefined();
  await directory.follow(undefined, signal);
  expect(directory.pinned).toEqual(first);
  expect(stored).toEqual([first]);
  const sha256 = await statementSha256(first.statement);
  expect(events).toEqual([{ type: 'directoryPinned', version: 1, sha256, organisations: 1, nodes: 2 }]);
});

test('what has changed is shown before it is pinned, whatever happened in between', async () => {
  stored = [first];
  presented = [first, second, third];
  let shownAtWrite: number | undefined;
  const noteShown = async () => {
    shownAtWrite = events.length;
  };
  const directory = await DirectoryWatch.open({
    api,
    member,
    pin: { ...pin, write: noteShown },
    observe: (event) => events.push(event),
  });
  await directory.follow(3, signal);
  expect(asked()).toEqual([{ after: '1' }]);
  const sha256 = await statementSha256(third.statement);
  const [, b, a2] = third.organisations[0]?.nodes ?? [];
  const changed = { type: 'directoryChanged', version: 3, sha256 };
  expect(events).toEqual([
    { ...changed, change: 'nodeRevoked', organisationId: 'clinic', nodeId: b?.nodeId },
    { ...changed, change: 'nodeReplaced', organisationId: 'clinic', nodeId: a2?.nodeId },
    { ...changed, change: 'organisationAdded', organisationId: 'lab' },
    { ...changed, change: 'nodeAdded', organisationId: 'lab', nodeId: lab.nodes[0]?.nodeId },
    { ...changed, change: 'organisationRevoked', organisationId: 'lab' },
  ]);
  expect(shownAtWrite).toBe(5);
  expect(directory.pinned).toEqual(third);
});

test('a version that is pinned is not fetched again; one named meanwhile is, once', async () => {
  const directory = await watch();
  await directory.follow(undefined, signal);
  await directory.follow(1, signal);
  expect(api.calls).toHaveLength(1);
  presented = [first, second];
  const following = [directory.follow(2, signal), directory.follow(2, signal)];
  await directory.settled();
  expect(directory.pinned).toEqual(second);
  await Promise.all(following);
  expect(api.calls).toHaveLength(2);
  // A name that nothing comes of is no reason to ask without end.
  await directory.follow(9, signal);
  expect(api.calls).toHaveLength(3);
  expect(stored).toEqual([first, second]);
});

describe('a coordinator that lies is found out, and what was pinned stays', () => {
  const other = () => organisationOf('other', ['x']);
  test.each<[what: string, lie: () => Promise<Directory[]>, code: string]>([
    ['takes back a version', async () => [first], 'directoryRolledBack'],
    [
      'has another version of the same number',
      async () => [await directoryOf([clinic], first)],
      'directoryForked',
    ],
    [
      'has a later version that stands on another one',
      async () => {
        const forked = await directoryOf([clinic, await other()], first);
        return [forked, await directoryOf([clinic, lab, await other()], forked)];
      },
      'directoryForked',
    ],
    ['drops an organisation', async () => [await directoryOf([clinic], second)], 'directoryInvalid'],
    [
      'signs with another key',
      async () => [await directoryOf([clinic, lab], second, { signer: 'other' })],
      'directoryInvalid',
    ],
    [
      'puts a node of its own into a known organisation',
      async () => {
        const { nodes } = await organisationOf('coordinator', ['x']);
        return [await directoryOf([{ ...clinic, nodes: [...clinic.nodes, ...nodes] }, lab], second)];
      },
      'directoryInvalid',
    ],
  ])('it %s', async (_what, lie, code) => {
    stored = [second];
    const directory = await watch();
    presented = [first, second];
    await directory.follow(undefined, signal);
    presented = await lie();
    await expect(directory.follow(undefined, signal)).rejects.toMatchObject({ code });
    expect(directory.pinned).toEqual(second);
    expect([stored, events]).toEqual([[second], []]);
  });

  test('it leaves out the node that looks, the first time or later', async () => {
    member = { ...member, organisationId: 'lab' };
    const directory = await watch();
    await expect(directory.follow(undefined, signal)).rejects.toMatchObject({ code: 'directoryInvalid' });
    member = { ...member, organisationId: 'clinic' };
    await expect((await watch()).follow(undefined, signal)).resolves.toBeUndefined();
  });
});

test('what cannot be fetched or written is told to whoever asked, and tried again by the next', async () => {
  const away = new HanseError('memberRevoked', { what: 'this node', since: AT });
  let failing: unknown = away;
  api = scriptedCoordinator({
    getDirectory: () => {
      if (failing) throw failing;
      return answer(0);
    },
  });
  const directory = await watch();
  const refused = expect(directory.follow(undefined, signal)).rejects.toBe(away);
  await directory.settled();
  await refused;
  failing = undefined;
  await directory.follow(undefined, signal);
  expect(directory.pinned).toEqual(first);
});
