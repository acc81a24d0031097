// covers: client/doctor/coordinator.ts, client/doctor/keys.ts, client/doctor/finding.ts, client/doctor/machine.ts
import { chmod } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { coordinatorFindings } from '../../../client/doctor/coordinator.ts';
import type { Finding } from '../../../client/doctor/finding.ts';
import { keys } from '../../../client/doctor/keys.ts';
import { disk, nodeVersion, providers } from '../../../client/doctor/machine.ts';
import { enrol } from '../../../client/enrol.ts';
import { type Identity, writeIdentity } from '../../../client/identity.ts';
import type { Trust } from '../../../client/tls-trust.ts';
import { utf8 } from '../../../protocol/bytes.ts';
import { parseInviteLink } from '../../../protocol/invite-link.ts';
import { systemClock } from '../../../protocol/primitives/system-clock.ts';
import { Secret } from '../../../protocol/secret.ts';
import { makeCertificate } from '../../fixtures/certificates.ts';
import { connectProxy, tlsBefore } from '../../fixtures/connect-proxy.ts';
import { type RunningCoordinator, runCoordinator } from '../../fixtures/running-coordinator.ts';

let running: RunningCoordinator;
let identity: Identity;
const closers: (() => void)[] = [];
const { signal } = new AbortController();

beforeEach(async () => {
  running = await runCoordinator();
  identity = await enrol(parseInviteLink(await running.invite()), 'node', systemClock);
});
afterEach(async () => {
  for (const close of closers.splice(0)) close();
  await running.close();
});

interface Change {
  readonly server?: string;
  readonly identity?: Identity | undefined;
  readonly proxy?: string;
  readonly trust?: Trust;
  readonly clock?: typeof systemClock;
}

async function found(change: Change = {}): Promise<readonly Finding[]> {
  const asked = { server: running.url, trust: {}, proxy: undefined, identity, clock: systemClock, ...change };
  return coordinatorFindings({ environment: {}, signal, ...asked });
}
const summary = (findings: readonly Finding[]) =>
  findings.map(({ check, ok }) => `${ok ? 'ok' : 'not'} ${check}`);
const ALL = ['ok proxy', 'ok TLS', 'ok coordinator', 'ok clock', 'ok pinned key', 'ok membership'];

test('all is well', async () => {
  expect(summary(await found())).toEqual(ALL);
  expect(summary(await found({ identity: undefined }))).toEqual(ALL.slice(0, 4));
});

test('all is well through a proxy and TLS, and the proxy is named', async () => {
  const certificate = makeCertificate({ hosts: ['coordinator.test'] });
  const tls = await tlsBefore(Number(new URL(running.url).port), certificate);
  const proxy = await connectProxy({ target: tls.port, credentials: 'me:secret' });
  closers.push(tls.close, proxy.close);
  const reached = { server: 'https://coordinator.test', trust: { ca: certificate.cert } };
  const named = await found({ ...reached, proxy: proxy.url.replace('//', '//me:secret@') });
  expect(summary(named)).toEqual(ALL);
  expect(named[0]?.detail).toBe(`127.0.0.1:${proxy.port}`);
  const refused = await found({ ...reached, proxy: proxy.url });
  expect(summary(refused)).toEqual(['ok proxy', 'not TLS', 'not coordinator']);
  expect(refused[2]).toMatchObject({ needed: true, detail: expect.stringContaining('proxyUnauthorized') });
});

test('a coordinator with another key is found before anything is signed for it', async () => {
  const findings = await found({ identity: { ...identity, coordinatorKey: 'ab'.repeat(32) } });
  expect(summary(findings)).toEqual([...ALL.slice(0, 4), 'not pinned key']);
  expect(findings.at(-1)?.detail).toContain('coordinatorKeyMismatch');
});

test('a node that was revoked', async () => {
  const body = { reason: 'lost' };
  await running.api.call('revokeMember', { params: { nodeId: identity.nodeId }, body });
  const last = (await found()).at(-1);
  expect(last).toMatchObject({ check: 'membership', ok: false, needed: true });
  expect(last?.detail).toContain('memberRevoked');
});

test('a clock that is off', async () => {
  const clock = { ...systemClock, now: () => systemClock.now() + 3_600_000 };
  const findings = await found({ clock });
  expect(findings.find(({ check }) => check === 'clock')).toMatchObject({
    ok: false,
    detail: expect.stringMatching(/^3(599|600) s ahead/),
  });
  expect(findings.at(-1)?.detail).toContain('signatureExpired');
});

/** Whom to ask for a passphrase. */
const nobody = async () => undefined;

test('a key under a passphrase is opened with it', async () => {
  const file = join(running.folder, 'sealed.json');
  const passphrase = new Secret(utf8('open sesame'));
  await writeIdentity(file, { ...identity, passphrase });
  expect(await keys(file, async () => passphrase)).toMatchObject({
    finding: { ok: true },
    identity: { nodeId: identity.nodeId },
  });
  expect((await keys(file, nobody)).finding).toMatchObject({
    ok: false,
    detail: expect.stringContaining('passphraseNeeded'),
  });
});

test('an identity that others may read, or that is not there', async () => {
  const file = join(running.folder, 'node.json');
  expect(await keys(file, nobody)).toMatchObject({ finding: { ok: false, needed: true } });
  await writeIdentity(file, identity);
  const read = await keys(file, nobody);
  expect(read).toMatchObject({ finding: { ok: true }, identity: { nodeId: identity.nodeId } });
  expect(read.finding.detail).toMatch(/^node, participant of .* mode 600$/);
  await chmod(file, 0o644);
  const open = await keys(file, nobody);
  expect(open.identity).toBeUndefined();
  expect(open.finding).toMatchObject({ ok: false, detail: expect.stringContaining('644') });
});

test('an old Node is no longer enough; the disk is that of the folder', async () => {
  expect(['20.19.9', '18.20.0', '20.20.0', '24.1.0'].map((version) => nodeVersion(version).ok)).toEqual([
    false,
    false,
    true,
    true,
  ]);
  expect((await disk(running.folder)).detail).toContain(running.folder);
});

test('of providers that are not chosen by themselves it says what they take: refusals refer to here', async () => {
  const remedies = new Map((await providers()).map(({ check, remedy }) => [check, remedy]));
  expect([...remedies.keys()]).toEqual(['provider cpu', 'provider wasm', 'provider cuda', 'provider webgpu']);
  expect(remedies.get('provider cuda')).toContain('CUDA');
  expect(remedies.get('provider webgpu')).toContain('driver');
});
