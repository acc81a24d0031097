// covers: client/commands/identity.ts, client/commands/admission-options.ts
import { readdir, readFile, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { DirectoryAnswer } from '../../../schemas/directory.ts';
import { hanse } from '../../fixtures/command-line.ts';
import { type RunningCoordinator, runCoordinator } from '../../fixtures/running-coordinator.ts';

let running: RunningCoordinator;
const at = (name: string) => join(running.folder, name);
const problem = (code: string, exitCode = 1) => ({ exitCode, json: { problem: { code } } });
const newKey = (name: string) => hanse(['organisation', 'new-key', '-o', at(name), '--json']);
const request = (link: string, name: string) =>
  hanse(['identity', 'request', link, '--identity', at(name), '--json']);
const admit = (word: string, key: string) =>
  hanse(['organisation', 'admit', word, '--organisation-key', at(key), '--json']);
/** A researcher needs no data, so that the command ends by itself. */
const enrolAs = (link: string, name: string, ...words: string[]) =>
  hanse(['join', link, '--identity', at(name), ...words, '--json']);
const invite = (organisationId: string) => running.invite('researcher', { organisationId });
const organisation = async (id: string) => {
  const { directory }: DirectoryAnswer = await running.api.call('getDirectory', { query: {} });
  return directory.organisations.find(({ organisationId }) => organisationId === id);
};

beforeAll(async () => {
  running = await runCoordinator();
});
afterAll(() => running.close());

test('the key of an organisation admits one node at hand, and another over a word that is passed on', async () => {
  const made = await newKey('clinic.key');
  const { organisationKey } = made.json as { organisationKey: string };
  expect((await stat(at('clinic.key'))).mode & 0o777).toBe(0o600);
  const first = await enrolAs(await invite('clinic'), 'a.json', '--organisation-key', at('clinic.key'));
  expect(first).toMatchObject({ exitCode: 0, json: { role: 'researcher' } });
  expect(await organisation('clinic')).toMatchObject({ publicKey: organisationKey });

  const link = await invite('clinic');
  const asked = await request(link, 'b.json');
  const { request: word, nodeId } = asked.json as { request: string; nodeId: string };
  expect((await request(link, 'b.json')).json).toEqual(asked.json);
  const said = await admit(word, 'clinic.key');
  expect(said).toMatchObject({ exitCode: 0, json: { nodeId, organisationId: 'clinic', role: 'researcher' } });
  const { admission } = said.json as { admission: string };
  const second = await enrolAs(link, 'b.json', '--admission', admission);
  expect(second).toMatchObject({ exitCode: 0, json: { nodeId } });
  expect((await organisation('clinic'))?.nodes).toHaveLength(2);

  const { seed } = JSON.parse(await readFile(at('clinic.key'), 'utf8')) as { seed: string };
  for (const { out, err } of [made, first, asked, said, second]) expect(out + err).not.toContain(seed);
  expect((await request(await invite('clinic'), 'b.json')).json).toMatchObject({
    problem: { code: 'identityUnreadable' },
  });
});

test('the first node of an organisation makes its key, and with that the second is admitted', async () => {
  const first = await enrolAs(await invite('lab'), 'lab-a.json');
  expect(first.err).toContain(at('lab-a.json.organisation'));
  const refused = await enrolAs(await invite('lab'), 'lab-b.json');
  expect(refused).toMatchObject(problem('organisationKeyMismatch'));
  expect((await readdir(running.folder)).filter((name) => name.startsWith('lab-b'))).toEqual([]);
  const key = ['--organisation-key', at('lab-a.json.organisation')];
  expect(await enrolAs(await invite('lab'), 'lab-b.json', ...key)).toMatchObject({ exitCode: 0 });
});

test('a key that was there before stays, whatever the coordinator says of it', async () => {
  expect(await enrolAs(await invite('port'), 'port-a.json')).toMatchObject({ exitCode: 0 });
  await newKey('port-b.json.organisation');
  expect(await newKey('port-b.json.organisation')).toMatchObject(problem('organisationKeyUnreadable'));
  expect(await enrolAs(await invite('port'), 'port-b.json')).toMatchObject(
    problem('organisationKeyMismatch'),
  );
  expect((await stat(at('port-b.json.organisation'))).isFile()).toBe(true);
});

test('an admission of another key, role or organisation is refused, and spends nothing', async () => {
  await newKey('shop.key');
  const link = await invite('shop');
  const { request: word } = (await request(link, 'shop.json')).json as { request: string };
  const { request: others } = (await request(link, 'others.json')).json as { request: string };
  const wrong = [others, word.replace(':researcher:', ':participant:'), word.replace(':shop:', ':ship:')];
  for (const changed of wrong) {
    const { admission } = (await admit(changed, 'shop.key')).json as { admission: string };
    expect(await enrolAs(link, 'shop.json', '--admission', admission)).toMatchObject(
      problem('admissionInvalid'),
    );
  }
  const unadmitted = await enrolAs(link, 'shop.json', '--admission', word);
  expect(unadmitted).toMatchObject(problem('usage', 2));
  expect(JSON.stringify(unadmitted.json)).toContain('hanse organisation admit');
  const { admission } = (await admit(word, 'shop.key')).json as { admission: string };
  expect(await enrolAs(link, 'shop.json', '--admission', admission)).toMatchObject({ exitCode: 0 });
});

test('who an identity makes one is shown, and no secret', async () => {
  const { nodeId } = (await enrolAs(await invite('bank'), 'bank.json')).json as { nodeId: string };
  const shown = await hanse(['identity', 'show', '--identity', at('bank.json'), '--json']);
  const publicKey = (await organisation('bank'))?.nodes[0]?.publicKey;
  expect(shown.json).toMatchObject({ nodeId, publicKey, organisationId: 'bank', role: 'researcher' });
  const words = await hanse(['identity', 'show', '--identity', at('bank.json')]);
  expect(words.out).toContain(`nodeId           ${nodeId}`);
  const { seed } = JSON.parse(await readFile(at('bank.json'), 'utf8')) as { seed: string };
  expect(shown.out + words.out + words.err).not.toContain(seed);
});

test.each<[what: string, words: () => string[] | Promise<string[]>, code: string, exitCode: number]>([
  [
    'a key over another',
    () => ['organisation', 'new-key', '-o', at('taken.key')],
    'organisationKeyUnreadable',
    1,
  ],
  ['a request that is none', () => ['organisation', 'admit', 'word'], 'usage', 2],
  [
    'a link that is none',
    () => ['identity', 'request', 'https://hanse.example', '--identity', at('none.json')],
    'usage',
    2,
  ],
  [
    'an identity that is not there',
    () => ['identity', 'show', '--identity', at('none.json')],
    'identityUnreadable',
    1,
  ],
  [
    'two ways to be admitted',
    async () => [
      'join',
      await invite('x'),
      '--identity',
      at('x.json'),
      '--admission',
      'a',
      '--organisation-key',
      'b',
    ],
    'usage',
    2,
  ],
  [
    'an admission that is none',
    async () => ['join', await invite('x'), '--identity', at('x.json'), '--admission', 'a.b'],
    'usage',
    2,
  ],
  [
    'a key that is not there',
    async () => ['join', await invite('x'), '--identity', at('x.json'), '--organisation-key', at('none.key')],
    'organisationKeyUnreadable',
    1,
  ],
])('%s is refused', async (_what, words, code, exitCode) => {
  await writeFile(at('taken.key'), '');
  expect(await hanse([...(await words()), '--json'])).toMatchObject(problem(code, exitCode));
});
