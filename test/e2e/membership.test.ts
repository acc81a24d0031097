/**
 * Membership as its operator and the owner of a node meet it, each command a process: an invite that needs approval, a
 * key that is replaced while the node runs, a revocation; and a coordinator that goes back behind what it has said.
 */
import { cpSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { connect, enrol } from '../../client/enrol.ts';
import { readIdentity } from '../../client/identity.ts';
import { formatInviteLink, parseInviteLink } from '../../protocol/invite-link.ts';
import { systemClock } from '../../protocol/primitives/system-clock.ts';
import { type HanseProcess, isBuilt, type Line, runHanse, startHanse } from './hanse-process.ts';
import { COLUMNS, tableOf } from './small-federation.ts';

describe.skipIf(!isBuilt)('membership (needs the build: npm test makes it)', () => {
  let cwd: string;
  let coordinator: HanseProcess;
  let port = '0';
  const run = async (...args: string[]): Promise<Line> => {
    const { result } = await runHanse([...args, '--json'], { cwd });
    return result;
  };
  const serve = async (dataDir: string): Promise<void> => {
    coordinator = startHanse(['serve', '--data-dir', dataDir, '--port', port, '--json'], { cwd });
    const { url } = await coordinator.line('the address', (line) => line.ready === true);
    ({ port } = new URL(url));
  };
  const operator = (dataDir: string) => ['--identity', join(dataDir, 'keys', 'operator.json')];
  const node = (name: string, ...link: string[]) =>
    startHanse(
      ['join', ...link, '--identity', `${name}.json`, '--data', 'csv:rows.csv', ...COLUMNS, '--json'],
      {
        cwd,
      },
    );
  const ready = (process: HanseProcess, from = 0) =>
    process.line('readiness', ({ type }) => type === 'ready', from);
  const linkFor = async (dataDir: string, organisationId: string) => {
    const identity = await readIdentity(join(cwd, dataDir, 'keys', 'operator.json'));
    const api = await connect(identity, systemClock);
    const body = { role: 'participant', organisationId, lifetimeSeconds: 600 } as const;
    return formatInviteLink({ ...identity, ...(await api.call('createInvite', { body })) });
  };
  const enrolAnother = async (dataDir: string, organisationId: string) =>
    enrol(parseInviteLink(await linkFor(dataDir, organisationId)), organisationId, systemClock);

  beforeAll(() => {
    cwd = mkdtempSync(join(tmpdir(), 'hanse-members-'));
    writeFileSync(join(cwd, 'rows.csv'), tableOf(16, 1));
  });
  afterAll(() => rmSync(cwd, { recursive: true, force: true }));

  test('a node waits for approval, goes on with another key, and ends when it is revoked', async () => {
    await serve('first');
    const asked = ['--organisation', 'clinic.example', '--needs-approval'];
    const { link } = await run('invite', ...asked, ...operator('first'));
    const process = node('clinic', link);
    await process.until('that it waits', () => process.stderr.includes('has to approve'));
    const { waiting } = await run('member', 'waiting', ...operator('first'));
    expect(waiting).toMatchObject([{ organisationId: 'clinic.example', isNewOrganisation: true }]);
    const [{ nodeId }] = waiting;
    expect(await run('member', 'approve', nodeId, ...operator('first'))).toEqual({ nodeId });
    await ready(process);
    expect(process.lines).toContainEqual(
      expect.objectContaining({ type: 'directoryPinned', organisations: 2 }),
    );

    const its = ['--identity', 'clinic.json'];
    await run('node', 'pause', ...its);
    await process.line('the pause', ({ type, why }) => type === 'waiting' && why === 'paused');
    // It waits for its owner alone, and goes on to live.
    const { nodeId: paused } = await run('node', 'status', ...its);
    expect(paused).toBe(nodeId);
    const resumed = process.lines.length;
    await run('node', 'resume', ...its);
    await ready(process, resumed);

    const before = process.lines.length;
    const rotated = await run('identity', 'rotate', '--identity', 'clinic.json');
    expect(rotated).toMatchObject({ replaces: nodeId });
    await ready(process, before);
    expect(process.lines).toContainEqual(
      expect.objectContaining({ change: 'nodeReplaced', nodeId: rotated.nodeId }),
    );

    await run('member', 'revoke', nodeId, ...operator('first'));
    expect(await process.ended()).toMatchObject({ code: 1 });
    expect(process.result).toMatchObject({ problem: { code: 'memberRevoked' } });
    const again = node('clinic');
    expect(await again.ended()).toMatchObject({ code: 1 });
    expect(again.result).toMatchObject({ problem: { code: 'memberRevoked' } });
    await coordinator.stop();
  });

  test('a coordinator that was set back, or tells another story since, is given nothing', async () => {
    port = '0';
    await serve('honest');
    const first = node('first', await linkFor('honest', 'first.example'));
    await ready(first);
    await first.stop();
    await coordinator.stop();
    // What an old backup brings back: the same keys, and an earlier past.
    cpSync(join(cwd, 'honest'), join(cwd, 'old'), { recursive: true });

    await serve('honest');
    await enrolAnother('honest', 'second.example');
    const seen = node('first');
    await ready(seen);
    expect(seen.lines).toContainEqual(
      expect.objectContaining({ change: 'organisationAdded', organisationId: 'second.example' }),
    );
    await seen.stop();
    await coordinator.kill();

    await serve('old');
    const refused = node('first');
    expect(await refused.ended()).toMatchObject({ code: 1 });
    expect(refused.result).toMatchObject({ problem: { code: 'directoryRolledBack' } });
    await enrolAnother('old', 'other.example');
    const forked = node('first');
    expect(await forked.ended()).toMatchObject({ code: 1 });
    expect(forked.result).toMatchObject({ problem: { code: 'directoryForked' } });
    expect(forked.lines).not.toContainEqual(expect.objectContaining({ type: 'ready' }));
    await coordinator.kill();
  });
});
