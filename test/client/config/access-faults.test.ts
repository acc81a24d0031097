import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { accessFaults } from '../../../client/config/access-faults.ts';
import { makeOrganisationKey } from '../../../client/organisation-key.ts';
import type { NodeConfig } from '../../../schemas/node-config.ts';
import { makeCertificate } from '../../fixtures/certificates.ts';

let folder: string;
const at = (name: string) => join(folder, name);
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'hanse-access-'));
  await writeFile(at('ca.pem'), makeCertificate().cert);
  await writeFile(at('text'), 'no certificate');
  await writeFile(at('word'), 'correct horse\n', { mode: 0o600 });
  await writeFile(at('open'), 'correct horse\n', { mode: 0o644 });
  await writeFile(at('enrolled.json'), '{}');
  await makeOrganisationKey(at('organisation.key'));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

const ADMISSION = `${'ab'.repeat(32)}.${'cd'.repeat(64)}`;
const faults = (given: Partial<NodeConfig>) =>
  accessFaults({ identity: at('identity.json'), data: [], ...given });

test('what can be used has no fault', async () => {
  const given = { ca: at('ca.pem'), passphraseFile: at('word'), proxy: 'http://proxy.example:3128' };
  expect(await faults({ ...given, admission: ADMISSION })).toEqual([]);
  expect(await faults({ ...given, organisationKey: at('organisation.key') })).toEqual([]);
});

test.each<[what: string, given: () => Partial<NodeConfig>, pointer: string, reason: RegExp]>([
  ['a file without a certificate', () => ({ ca: at('text') }), '/ca', /no certificate/],
  ['certificates that are not there', () => ({ ca: at('none.pem') }), '/ca', /none.pem: it cannot be read/],
  [
    'a passphrase that others may read',
    () => ({ passphraseFile: at('open') }),
    '/passphraseFile',
    /mode 644/,
  ],
  ['a passphrase that is not there', () => ({ passphraseFile: at('none') }), '/passphraseFile', /ENOENT/],
  ['a proxy that is none', () => ({ proxy: 'ftp://x' }), '/proxy', /not the address of a proxy/],
  ['a proxy with a password', () => ({ proxy: 'http://me:hunter2@x:1' }), '/proxy', /HTTPS_PROXY/],
  ['an admission that is none', () => ({ admission: 'a.b' }), '/admission', /admission/],
  [
    'no key of an organisation',
    () => ({ organisationKey: at('none.key') }),
    '/organisationKey',
    /none.key: ENOENT/,
  ],
])('%s', async (_what, given, pointer, reason) => {
  const found = await faults(given());
  expect(found).toEqual([{ pointer, reason: expect.stringMatching(reason) }]);
  expect(JSON.stringify(found)).not.toMatch(/hunter2|correct horse/);
});

test('one way to be admitted is enough, and none is needed once the node is enrolled', async () => {
  const both = { admission: ADMISSION, organisationKey: at('organisation.key') };
  expect(await faults(both)).toMatchObject([{ pointer: '/admission' }]);
  const gone = { organisationKey: at('none.key'), identity: at('enrolled.json') };
  expect(await faults(gone)).toEqual([]);
});
