/**
 * `hanse serve` as its operator meets it: what it refuses to start with, how it ends, a full disk, and its secrets.
 */
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { type AddressInfo, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from 'vitest';
import { primitives } from '#primitives';
import { connect, enrol } from '../../client/enrol.ts';
import { readIdentity } from '../../client/identity.ts';
import { formatInviteLink, parseInviteLink } from '../../protocol/invite-link.ts';
import { systemClock } from '../../protocol/primitives/system-clock.ts';
import { makeCertificate, writeCertificate } from '../fixtures/certificates.ts';
import { type HanseProcess, isBuilt, runHanse, startHanse, within } from './hanse-process.ts';
import { SmallFederation } from './small-federation.ts';

describe.skipIf(!isBuilt)('hanse serve (needs the build: npm test makes it)', () => {
  let folder: string;
  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), 'hanse-serve-'));
  });
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  const serve = (...args: string[]) => startHanse(['serve', ...args, '--json']);
  const isReady = (process: HanseProcess) => process.line('the address', ({ ready }) => ready === true);

  test('a port in use is named, and the folder is free again', async () => {
    const other = createServer().listen(0, '127.0.0.1');
    await new Promise((resolve) => other.once('listening', resolve));
    const { port } = other.address() as AddressInfo;
    const dataDir = join(folder, 'port');
    const refused = await runHanse(['serve', '--data-dir', dataDir, '--port', String(port), '--json']);
    expect(refused.code).toBe(1);
    expect(refused.result).toMatchObject({ problem: { code: 'portInUse', particulars: { port } } });
    expect(refused.stderr).toContain('remedy:');
    await new Promise((resolve) => other.close(resolve));

    const accepted = serve('--data-dir', dataDir, '--port', String(port));
    expect(await isReady(accepted)).toMatchObject({ url: `http://127.0.0.1:${port}` });
    expect(await accepted.stop()).toEqual({ code: 0, signal: null });
  });

  test('a folder in use is named with the process that uses it, and its holder goes on', async () => {
    const dataDir = join(folder, 'shared');
    const holder = serve('--data-dir', dataDir, '--port', '0');
    const { url } = await isReady(holder);
    const refused = await runHanse(['serve', '--data-dir', dataDir, '--port', '0', '--json']);
    expect(refused.code).toBe(1);
    expect(refused.result.problem).toMatchObject({
      code: 'dataDirInUse',
      particulars: { path: dataDir, pid: holder.pid },
    });
    expect((await fetch(`${url}/healthz`)).status).toBe(200);
    expect(await holder.stop()).toEqual({ code: 0, signal: null });
    expect(holder.result).toEqual({ stopped: true, dataDir });
  });

  test.each(['0.0.0.0', '::'])('%s is not this machine alone', async (host) => {
    const dataDir = join(folder, 'host');
    const refused = await runHanse(['serve', '--data-dir', dataDir, '--port', '0', '--host', host, '--json']);
    expect(refused).toMatchObject({ code: 1, result: { problem: { code: 'plainHttpRefused' } } });
    expect(readdirSync(folder)).not.toContain('host');
  });

  test('with TLS: a certificate is renewed on SIGHUP, and the environment can add authorities but not take them away', async () => {
    const authority = makeCertificate({ name: 'authority' });
    const renew = () => {
      const certificate = makeCertificate({ hosts: ['127.0.0.1'], issuer: authority });
      return { certificate, files: writeCertificate(folder, 'tls', certificate) };
    };
    const { files } = renew();
    const ca = join(folder, 'authority.pem');
    writeFileSync(ca, authority.cert);
    const dataDir = join(folder, 'tls-data');
    const tls = ['--tls-cert', files.cert, '--tls-key', files.key];
    const coordinator = serve('--data-dir', dataDir, '--port', '0', ...tls);
    const { url } = await isReady(coordinator);
    const operator = join(dataDir, 'keys', 'operator.json');
    const invite = ['invite', '--organisation', 'a.example', '--role', 'researcher'];
    const link = (await runHanse([...invite, '--identity', operator, '--json'])).result.link;
    expect(parseInviteLink(link).server).toBe(url);
    const join_ = (env: Record<string, string>) =>
      runHanse(['join', link, '--identity', join(folder, 'researcher.json'), '--json'], { env });
    for (const env of [{}, { NODE_TLS_REJECT_UNAUTHORIZED: '0' }]) {
      const refused = await join_(env);
      expect(refused).toMatchObject({ code: 1, result: { problem: { code: 'tlsUntrusted' } } });
      expect(refused.stderr).toContain('--ca');
    }
    expect(await join_({ NODE_EXTRA_CA_CERTS: ca })).toMatchObject({
      code: 0,
      result: { role: 'researcher' },
    });

    const { certificate } = renew();
    coordinator.signal('SIGHUP');
    await coordinator.line('the renewal', ({ renewed }) => renewed === true);
    expect((await readIdentity(operator)).ca).toBe(certificate.cert);
    expect(await runHanse(['job', 'list', '--identity', operator, '--json'])).toMatchObject({ code: 0 });
    expect(await coordinator.stop()).toEqual({ code: 0, signal: null });
    expect(coordinator.stdout + coordinator.stderr).not.toContain(certificate.key.split('\n')[1]);
  });

  test('keys are for their owner alone, and are in no output', async () => {
    const dataDir = join(folder, 'keys');
    const coordinator = serve('--data-dir', dataDir, '--port', '0');
    await isReady(coordinator);
    const identity = join(dataDir, 'keys', 'operator.json');
    const invite = await runHanse([
      'invite',
      '--organisation',
      'a.example',
      '--identity',
      identity,
      '--json',
    ]);
    const { token } = parseInviteLink(invite.result.link);
    await coordinator.stop();
    for (const name of readdirSync(join(dataDir, 'keys')))
      expect([name, statSync(join(dataDir, 'keys', name)).mode & 0o777]).toEqual([name, 0o600]);
    expect(statSync(join(dataDir, 'keys')).mode & 0o777).toBe(0o700);
    const own = readFileSync(join(dataDir, 'keys', 'coordinator.hex'), 'utf8').trim();
    const { seed } = JSON.parse(readFileSync(identity, 'utf8'));
    for (const secret of [own, seed, token]) {
      expect(secret.length).toBeGreaterThan(40);
      expect(coordinator.stdout + coordinator.stderr).not.toContain(secret);
    }
    expect(invite.stdout).toContain(token); // what is searched for can be found where it belongs
  });

  test('asked to stop, it answers who waits and ends, for it will not wait as long as they would', async () => {
    const federation = new SmallFederation();
    try {
      // So short that a node is live only while a request of it waits.
      const coordinator = await federation.serve({ args: ['--liveness', '0.001'] });
      const operator = await federation.api();
      const isNodeLive = async () => {
        const { members } = await operator.call('listMembers', {});
        return members.some(({ role, live }) => role === 'participant' && live);
      };
      const node = await enrol(parseInviteLink(await federation.invite('participant')), 'node', systemClock);
      const api = await connect(node, systemClock);
      expect(await isNodeLive()).toBe(false);
      // Longer than this suite waits for the end of a process.
      const waiting = api.call('nextTasks', { query: { wait: '30' } });
      const arrived = (async () => {
        while (!(await isNodeLive()));
      })();
      await within('the request to arrive', arrived, () => coordinator.said);
      coordinator.signal('SIGTERM');
      expect(await waiting).toMatchObject({ tasks: [] });
      expect(await coordinator.ended()).toEqual({ code: 0, signal: null });
      expect(coordinator.result).toEqual({ stopped: true, dataDir: federation.dataDir });
    } finally {
      await federation.end();
    }
  });

  describe('a full disk', () => {
    afterEach(() => vi.restoreAllMocks());

    test('is answered with 507, loses nothing acknowledged, and is over after a start with more room', async () => {
      const federation = new SmallFederation();
      try {
        const coordinator = await federation.serve({ args: ['--store-limit', '131072'] });
        const operator = await readIdentity(join(federation.dataDir, 'keys', 'operator.json'));
        const api = await connect(operator, systemClock);
        const fetches = vi.spyOn(globalThis, 'fetch');
        const body = { role: 'participant', organisationId: 'a.example', lifetimeSeconds: 600 } as const;
        const acknowledged: string[] = [];
        const full = await (async () => {
          for (;;) acknowledged.push((await api.call('createInvite', { body })).token);
        })().catch((error: unknown) => error);
        expect(full).toMatchObject({ code: 'storageFull' });
        const responses: Response[] = await Promise.all(fetches.mock.results.map(({ value }) => value));
        expect(responses.at(-1)?.status).toBe(507);
        expect(acknowledged.length).toBeGreaterThan(10);
        expect((await fetch(`${operator.server}/healthz`)).status).toBe(200);
        expect(await coordinator.stop()).toEqual({ code: 0, signal: null });

        await federation.serve({ args: ['--store-limit', '1310720'] });
        const organisation = await primitives.signer(new Uint8Array(32).fill(7));
        const outcomes = await Promise.all(
          [acknowledged[0], acknowledged.at(-1), 'x'.repeat(43)].map((token = '') => {
            const link = parseInviteLink(formatInviteLink({ ...operator, ...body, token }));
            return enrol(link, 'node', systemClock, { organisation }).then(
              ({ role }) => role,
              ({ code }) => code,
            );
          }),
        );
        expect(outcomes).toEqual(['participant', 'participant', 'inviteUnknown']);
      } finally {
        await federation.end();
      }
    });
  });
});
