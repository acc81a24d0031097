// covers: client/participant.ts
/**
 * What a node does with the directory that comes with its tasks.
 */
import { afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { DirectoryWatch, type WatchingMember } from '../../client/directory-watch.ts';
import { loadCpuProvider } from '../../client/engine/cpu.ts';
import type { ExecutionProvider } from '../../client/engine/provider.ts';
import { JobCache } from '../../client/job-cache.ts';
import { participate } from '../../client/participant.ts';
import type { ParticipantEvent } from '../../client/participant-event.ts';
import { FIRST_LINE_MS } from '../../client/task-feed.ts';
import type { Directory, DirectoryOrganisation } from '../../schemas/directory.ts';
import { directoryOf, organisationOf, pinnedFederation } from '../fixtures/directory-maker.ts';
import { HastyClock } from '../fixtures/hasty-clock.ts';
import { type JobShelf, jobShelf } from '../fixtures/job-shelf.ts';
import { participantEquipment } from '../fixtures/participant-equipment.ts';
import { held, type Script, scriptedCoordinator } from '../fixtures/scripted-coordinator.ts';
import { hashOf } from '../fixtures/vector-files.ts';

const START = Date.parse('2026-01-01T12:00:00.000Z');

let shelf: JobShelf;
let clock: HastyClock;
let provider: ExecutionProvider;
let jobs: JobCache;

beforeEach(async () => {
  shelf ??= await jobShelf();
  clock = new HastyClock(FIRST_LINE_MS - 1, START);
  provider = await loadCpuProvider({ threads: 1 });
  jobs = new JobCache(provider);
});

afterEach(() => jobs.release());

const typesOf = (events: readonly ParticipantEvent[]) => events.map(({ type }) => type);

describe('the directory', () => {
  let clinic: DirectoryOrganisation;
  let versions: [Directory, Directory];
  let member: WatchingMember;
  beforeAll(async () => {
    clinic = await organisationOf('clinic', ['a', 'b']);
    const first = await directoryOf([clinic]);
    versions = [first, await directoryOf([clinic, await organisationOf('lab', ['c'])], first)];
    const nodeId = clinic.nodes[0]?.nodeId ?? '';
    member = { ...(await pinnedFederation()), nodeId, organisationId: 'clinic' };
  });

  /** A node that is offered a task together with the second version, of which the coordinator presents one. */
  async function offered(second: () => Promise<Directory> | Directory) {
    const events: ParticipantEvent[] = [];
    const observe = (event: ParticipantEvent) => void events.push(event);
    let pinned: Directory | undefined;
    const script: Script = {
      ...shelf.script,
      reportCapabilities: () => ({}),
      nextTasks: async ({ query }, { signal }) => {
        if (api.count('nextTasks') > 1) return held({ tasks: [] }, signal);
        return { tasks: query.wait === '20' ? [shelf.trainTask()] : [], directoryVersion: 2 };
      },
      getDirectory: async ({ query }) => ({
        directory: query.after === undefined ? versions[0] : await second(),
        between: [],
      }),
      putUpdate: ({ body }) => {
        life.abort();
        return { sha256: hashOf(body), bytes: body.length };
      },
    };
    const life = new AbortController();
    const api = scriptedCoordinator(script);
    const pin = {
      read: async () => pinned,
      write: async (directory: Directory) => {
        pinned = directory;
      },
    };
    const directory = await DirectoryWatch.open({ api, member, pin, observe });
    const ended = participate({
      ...participantEquipment({ provider, jobs, clock }),
      api,
      signal: life.signal,
      directory,
      observe,
    });
    return { api, events, ended, directory };
  }

  test('is pinned before anything is said, and a later version before the task that came with it', async () => {
    const { api, events, ended, directory } = await offered(() => versions[1]);
    await ended;
    expect(api.calls[0]?.name).toBe('getDirectory');
    expect(typesOf(events)).toEqual([
      'directoryPinned',
      'ready',
      'directoryChanged',
      'directoryChanged',
      ...['preparing', 'training', 'contributed'],
    ]);
    expect(directory.pinned).toEqual(versions[1]);
  });

  test('that does not follow ends the node, before it reads a row for the task', async () => {
    const honest = await offered(() => versions[1]);
    await honest.ended;
    expect(honest.api.count('putUpdate')).toBe(1);
    const forked = await offered(async () => directoryOf([clinic, await organisationOf('x', ['y'])]));
    await expect(forked.ended).rejects.toMatchObject({ code: 'directoryForked' });
    expect(typesOf(forked.events)).toEqual(['directoryPinned', 'ready']);
    expect([forked.api.count('putUpdate'), forked.api.count('decline')]).toEqual([0, 0]);
  });
});
