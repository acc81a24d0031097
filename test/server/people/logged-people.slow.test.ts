/**
 * People at a coordinator that keeps a log on disk: what its entries tell of them, what they must not, and that records and log agree.
 */
import { readdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { decodeLeaf } from '../../../protocol/audit/leaf.ts';
import type { IssuedToken } from '../../../schemas/person.ts';
import { buildApp } from '../../../server/app.ts';
import { fsckDataDir } from '../../../server/audit-fsck/fsck.ts';
import { webOriginOf } from '../../../server/people/web-origin.ts';
import { AuditFile } from '../../../server/store/audit-file.ts';
import { BrowserClient } from '../../fixtures/browser-client.ts';
import { nodeOf, TestFederation } from '../../fixtures/federation.ts';
import { openedDataDir } from '../../fixtures/logged-data-dir.ts';
import { expectProblem, expectSuccess } from '../../fixtures/signed-client.ts';

test('entries tell who did what and when, and no secret is anywhere in the records, the log or the reports', async () => {
  const { signer } = await nodeOf('coordinator', 'operator');
  const opened = await openedDataDir(signer);
  const { store, notes } = opened;
  const federation = await TestFederation.open({ participants: 0, store, notes });
  const { coordinator, operator, reported } = federation;
  const { people } = coordinator;
  const app = await buildApp({ coordinator, report: (error, doing) => reported.push(error, doing) });
  const server = await app.listen({ port: 0, host: '127.0.0.1' });
  people.servedAt(webOriginOf(undefined, server));
  const browser = new BrowserClient(server);
  const invite = {
    organisationId: 'hansa',
    role: 'researcher',
    handle: 'ada.l',
    name: 'Ada Lovelace',
  } as const;
  const { personId, token: link } = await people.invite({ ...invite, lifetimeSeconds: 60 }, operator.nodeId);
  await browser.signInByLink({ token: link });
  const first = browser.cookies.get('hanse') ?? '';
  const { credentialId } = await browser.addPasskey();
  const body = { name: 'Ada at night', scopes: ['listJobs'], lifetimeSeconds: 60 };
  const { token, tokenId } = expectSuccess(await browser.call('createOwnToken', { body }))
    .json as IssuedToken;
  const bearer = { headers: { authorization: `Bearer ${token}`, cookie: undefined } };
  expectSuccess(await browser.call('listJobs', {}, bearer));
  expectProblem(await browser.call('signInByLink', { body: { token: link } }), 'linkSpent', 410);
  expectSuccess(await browser.call('signOut'));
  await people.revoke(personId, 'left', operator.nodeId);
  await app.close();
  await coordinator.close();

  const file = new AuditFile(join(opened.path, 'audit.sqlite'));
  const entries = file.entries(0, 1000).map(decodeLeaf);
  file.close();
  const personal = entries.filter(({ type }) => /^hanse\.(person|token|session)\./.test(type));
  expect(personal.map(({ type }) => type.slice('hanse.'.length))).toEqual([
    'person.invited',
    'person.linked',
    'person.linkSpent',
    'session.opened',
    'person.enrolled',
    'token.issued',
    'session.closed',
    'person.revoked',
  ]);
  expect(personal.map(({ subject }) => subject)).toEqual(personal.map(() => `urn:hanse:person:${personId}`));
  expect(personal[0]?.data).toMatchObject({ by: operator.nodeId, role: 'researcher' });
  expect(personal[5]?.data).toMatchObject({ token: tokenId, by: personId, scopes: ['listJobs'] });
  const told = JSON.stringify(entries);
  for (const name of ['Ada', 'ada.l', credentialId]) expect(told).not.toContain(name);
  await opened.close();

  const files = readdirSync(opened.path, { recursive: true, withFileTypes: true }).filter((one) =>
    one.isFile(),
  );
  const stored = files.map((one) => readFileSync(join(one.parentPath, one.name)));
  expect(stored.some((bytes) => bytes.includes(credentialId))).toBe(true);
  for (const secret of [link, first, token.slice('hanse_'.length)]) {
    expect(secret).toHaveLength(43);
    expect(stored.some((bytes) => bytes.includes(secret))).toBe(false);
    expect(JSON.stringify(reported)).not.toContain(secret);
  }
  expect((await fsckDataDir(opened.path)).findings).toEqual([]);
  rmSync(opened.path, { recursive: true });
});
