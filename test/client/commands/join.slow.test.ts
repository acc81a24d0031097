// covers: client/secure-attempt.ts, client/commands/join-identity.ts, client/commands/ca-option.ts, client/commands/witness-of-node.ts
import { readdir, readFile, stat, writeFile } from 'node:fs/promises';
import { join as path } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { planJoin } from '../../../client/commands/join-plan.ts';
import { serveControl } from '../../../client/control-socket.ts';
import { enrol } from '../../../client/enrol.ts';
import { pendingKey } from '../../../client/identity.ts';
import { parseInviteLink } from '../../../protocol/invite-link.ts';
import { systemClock } from '../../../protocol/primitives/system-clock.ts';
import type { JobStatus } from '../../../schemas/job.ts';
import { makeCertificate } from '../../fixtures/certificates.ts';
import { hanse, type Outcome, type Watching } from '../../fixtures/command-line.ts';
import { TERMS_YAML } from '../../fixtures/data-terms.ts';
import { type RunningCoordinator, runCoordinator } from '../../fixtures/running-coordinator.ts';

let running: RunningCoordinator;
const at = (name: string) => path(running.folder, name);
const table = () => [
  '--data',
  `csv:${at('table.csv')}`,
  '--features',
  'a, b',
  '--target',
  'y',
  '--classes',
  'n,p',
];
const join = (identity: string, words: string[], watching?: Watching) =>
  hanse(['join', '--provider', 'cpu', '--identity', at(identity), '--json', ...words], watching);

beforeAll(async () => {
  running = await runCoordinator();
  const rows = Array.from({ length: 20 }, (_, i) => `${i % 2 ? 'p' : 'n'},${(i % 2) * 2 - 1},${0.1 * i - 1}`);
  await writeFile(at('table.csv'), `y,a,b\n${rows.join('\n')}\n`);
  await writeFile(at('empty.csv'), 'y,a,b\n');
  await writeFile(at('single.csv'), 'y,a,b\np,1,2\np,3,4\n');
});

afterAll(() => running.close());

/** Starts a node; resolves once it waits for work, with how to stop it. */
async function started(identity: string, words: string[]) {
  let stop = () => {};
  let ready = () => {};
  const isReady = new Promise<void>((resolve) => {
    ready = resolve;
  });
  const outcome = join(identity, words, {
    onOutput: (written, end) => {
      stop = end;
      if (written.includes('ready; waiting for work')) ready();
    },
  });
  await Promise.race([isReady, outcome]);
  return { outcome, stop: () => stop() };
}

test('a federation over HTTP: three participants and an evaluator, from invite to exported model, with no secret told', async () => {
  const participants = await Promise.all([1, 2, 3].map(() => running.invite()));
  const links = [...participants, await running.invite('evaluator')];
  const nodes = await Promise.all(links.map((link, i) => started(`node-${i}.json`, [link, ...table()])));
  const as = ['--identity', running.operatorFile, '--json'];
  const plan = ['--model', 'mlp:2,3,2', '--cohort', '3', '--rounds', '2', '--lr', '0.5'];
  const created = await hanse(['job', 'create', '--name', 'n', '--purpose', 'p', ...plan, ...as]);
  const { jobId } = created.json as JobStatus;
  const watched = await hanse(['job', 'watch', jobId, ...as]);
  expect(watched.json).toMatchObject({ phase: 'finished', bytesUp: expect.any(Number) });
  const { rounds } = watched.json as JobStatus;
  expect(
    rounds.map(({ updates, metrics, secure }) => [updates, metrics?.examples, secure?.survivors]),
  ).toEqual([
    [3, 20, 3],
    [3, 20, 3],
  ]);
  const model = at('model.onnx');
  const exported = await hanse(['model', 'export', jobId, '-o', model, ...as]);
  expect(exported).toMatchObject({ exitCode: 0, json: { jobId, round: 2 } });
  const { modelSha256, fileSha256, parametersSha256 } = exported.json as Record<string, string>;
  expect(fileSha256).toBe(modelSha256);
  const words = (await hanse(['model', 'export', jobId, '-o', model, ...as.slice(0, 2)])).out;
  expect(words).toContain(`file         ${fileSha256}: SHA-256 of the ONNX file`);
  expect(words).toContain(`parameters   ${parametersSha256}: SHA-256 of the parameters`);
  const shown = (await hanse(['job', 'show', jobId, ...as])).json;
  expect(shown).toMatchObject({ model: parametersSha256, parametersSha256 });
  expect((await stat(model)).size).toBe((exported.json as { bytes: number }).bytes);
  const predicted = await hanse(['model', 'predict', model, '--input=-1,0', '--provider', 'cpu', '--json']);
  expect(predicted).toMatchObject({
    exitCode: 0,
    json: { predictions: [[expect.any(Number), expect.any(Number)]] },
  });

  for (const node of nodes) node.stop();
  const outcomes = await Promise.all(nodes.map(({ outcome }) => outcome));
  expect(outcomes.map(({ exitCode }) => exitCode)).toEqual([0, 0, 0, 0]);
  expect(outcomes[0]?.json).toMatchObject({ contributed: 2, evaluated: 0, declined: 0, missed: 0 });
  expect(outcomes[3]?.json).toMatchObject({ contributed: 0, evaluated: 2 });
  for (const { out, err } of outcomes) {
    const [first = ''] = out.split('\n', 1);
    expect(JSON.parse(first)).toMatchObject({ type: 'selfTest', report: { suites: [1, 2] } });
    expect(err).toContain('cryptography: suite 1 with aes-256-ctr by ');
  }
  for (const line of (outcomes[0]?.out ?? '').trimEnd().split('\n'))
    expect(() => JSON.parse(line)).not.toThrow();

  const secrets: string[] = links.map((link) => parseInviteLink(link).token);
  for (const name of ['node-0.json', 'node-1.json', 'node-2.json', 'node-3.json']) {
    const { seed } = JSON.parse(await readFile(at(name), 'utf8')) as { seed: string };
    secrets.push(seed);
    expect((await stat(at(name))).mode & 0o777).toBe(0o600);
  }
  const told = [created, watched, exported, ...outcomes].map(({ out, err }) => out + err).join('');
  const stored = await running.coordinator.dependencies.store.read('federation');
  const everything = told + JSON.stringify(stored);
  expect(everything).toContain(running.operator.federationId);
  for (const secret of secrets) expect(everything).not.toContain(secret);
});

test('one identity, one node: a second one is refused until the first has ended', async () => {
  const first = await started('twin.json', [await running.invite(), ...table()]);
  const second = await join('twin.json', table());
  expect(second).toMatchObject({ exitCode: 1, json: { problem: { code: 'identityInUse' } } });
  first.stop();
  expect((await first.outcome).exitCode).toBe(0);
  const again = await started('twin.json', table());
  again.stop();
  expect(await again.outcome).toMatchObject({ exitCode: 0 });
});

test('nor does one begin while another still works with the key that this one has replaced', async () => {
  const node = await started('replaced.json', [await running.invite(), ...table()]);
  node.stop();
  await node.outcome;
  const control = await serveControl(at('replaced.json'), async () => ({}));
  const second = await join('replaced.json', table());
  expect(second).toMatchObject({ exitCode: 1, json: { problem: { code: 'identityInUse' } } });
  await control.close();
  const again = await started('replaced.json', table());
  again.stop();
  expect(await again.outcome).toMatchObject({ exitCode: 0 });
});

test('what a node knows of its coordinator stays as it is while the node runs', async () => {
  const { cert } = makeCertificate();
  await writeFile(at('ca.pem'), cert);
  const node = await started('trusting.json', [await running.invite(), ...table()]);
  const before = await readFile(at('trusting.json'), 'utf8');
  const trust = ['--ca', at('ca.pem')];
  const refused = await join('trusting.json', [...trust, ...table()]);
  expect(refused).toMatchObject({ exitCode: 1, json: { problem: { code: 'identityInUse' } } });
  expect(await readFile(at('trusting.json'), 'utf8')).toBe(before);
  node.stop();
  await node.outcome;
  const again = await started('trusting.json', [...trust, ...table()]);
  again.stop();
  expect(await again.outcome).toMatchObject({ exitCode: 0 });
  expect(JSON.parse(await readFile(at('trusting.json'), 'utf8'))).toHaveProperty('ca');
});

test('a first start that comes to nothing leaves nothing, and the next one does not mind it', async () => {
  const left = async () => (await readdir(running.folder)).filter((name) => name.startsWith('vain'));
  const link = await running.invite('researcher');
  const unknown = link.replace(/invite=[^&]+/, `invite=${'A'.repeat(43)}`);
  const other = link.replace(/key=[0-9a-f]+/, `key=${'ab'.repeat(32)}`);
  for (const [vain, code] of [
    [unknown, 'inviteUnknown'],
    [other, 'coordinatorKeyMismatch'],
  ] as const) {
    expect(await join('vain.json', [vain])).toMatchObject({ exitCode: 1, json: { problem: { code } } });
    expect(await left()).toEqual([]);
  }
  const nobody = link.replace(running.url, 'http://127.0.0.1:9');
  await join('vain.json', [nobody], {
    onOutput: (written, stop) => {
      if (written.includes('trying again')) stop();
    },
  });
  expect(await left()).toEqual([]);
  expect(await join('vain.json', [link])).toMatchObject({ exitCode: 0 });
  expect(await left()).toEqual(['vain.json', 'vain.json.directory', 'vain.json.organisation']);
});

test('a key that waits for approval is kept until the operator decides; once refused it is not in the way of the next invite', async () => {
  const left = async () => (await readdir(running.folder)).filter((name) => name.startsWith('waits'));
  const invite = () => running.invite('researcher', { organisationId: 'waits', needsApproval: true });
  const asking = async (link: string) =>
    join('waits.json', [link], {
      onOutput: (written, stop) => {
        if (written.includes('has to approve')) stop();
      },
    });
  const link = await invite();
  await asking(link);
  expect(await left()).toEqual(['waits.json.organisation', 'waits.json.pending']);
  const decide = async (decision: 'approveEnrolment' | 'refuseEnrolment') => {
    const { waiting } = await running.api.call('listEnrolments', {});
    const nodeId = waiting.find(({ organisationId }) => organisationId === 'waits')?.nodeId ?? '';
    await running.api.call(decision, { params: { nodeId } });
    return nodeId;
  };
  const unknown = await hanse(['identity', 'show', '--identity', at('waits.json'), '--json']);
  expect(unknown).toMatchObject({ json: { problem: { code: 'identityUnreadable' } } });
  expect(unknown.err).toContain('not enrolled yet');
  await decide('refuseEnrolment');
  expect(await join('waits.json', [link])).toMatchObject({ json: { problem: { code: 'enrolmentRefused' } } });
  expect(await left()).toEqual(['waits.json.organisation']);
  const second = await invite();
  await asking(second);
  const nodeId = await decide('approveEnrolment');
  expect(await join('waits.json', [second])).toMatchObject({ exitCode: 0, json: { nodeId } });
});

test('the link of a federation that was joined before is not needed, that of another is not taken', async () => {
  const node = await started('known.json', [await running.invite(), ...table()]);
  node.stop();
  await node.outcome;
  const same = await started('known.json', [await running.invite(), ...table()]);
  same.stop();
  expect((await same.outcome).exitCode).toBe(0);
  const foreign = (await running.invite()).replace(
    /federation=fed-[0-9a-f]+/,
    'federation=fed-0123456789abcdef',
  );
  const refused = await join('known.json', [foreign, ...table()]);
  expect(refused).toMatchObject({ exitCode: 1, json: { problem: { code: 'identityUnreadable' } } });
});

test('an identity that cannot be written spends no invite, nor does an answer that was lost', async () => {
  const link = await running.invite();
  for (const file of ['table.csv/identity.json', `${'x'.repeat(300)}.json`]) {
    const refused = await join(file, [link, ...table()]);
    expect(refused).toMatchObject({ exitCode: 1, json: { problem: { code: 'identityUnreadable' } } });
  }
  const file = at('lost.json');
  // As a kill leaves it: the coordinator has enrolled the key, and nobody has stored its answer.
  const { seed } = await pendingKey(file, parseInviteLink(link));
  const { nodeId } = await enrol(parseInviteLink(link), 'node', systemClock, { seed });
  const other = await join('other.json', [link, ...table()]);
  expect(other).toMatchObject({ exitCode: 1, json: { problem: { code: 'inviteSpent' } } });
  const again = await started('lost.json', [link, ...table()]);
  again.stop();
  expect(await again.outcome).toMatchObject({ exitCode: 0, json: { nodeId } });
  expect((await readdir(running.folder)).filter((name) => name.startsWith('lost'))).toEqual([
    'lost.json',
    'lost.json.directory',
    'lost.json.organisation',
    'lost.json.state',
  ]);
});

test('a link to the same coordinator at another address is followed, one with another key is not', async () => {
  const node = await started('moved.json', [await running.invite(), ...table()]);
  node.stop();
  await node.outcome;
  const stored = async () => JSON.parse(await readFile(at('moved.json'), 'utf8')) as { server: string };
  const known = await stored();
  await writeFile(at('moved.json'), JSON.stringify({ ...known, server: 'http://127.0.0.1:9' }));

  const link = await running.invite();
  const foreign = link.replace(/key=[0-9a-f]+/, `key=${'ab'.repeat(32)}`);
  const refused = await join('moved.json', [foreign, ...table()]);
  expect(refused).toMatchObject({ exitCode: 1, json: { problem: { code: 'coordinatorKeyMismatch' } } });
  expect((await stored()).server).toBe('http://127.0.0.1:9');

  const again = await started('moved.json', [link, ...table()]);
  again.stop();
  expect(await again.outcome).toMatchObject({ exitCode: 0, err: expect.stringContaining(running.url) });
  expect(await stored()).toEqual(known);
  // The link was only followed, and still enrols another node.
  const other = await started('newcomer.json', [link, ...table()]);
  other.stop();
  expect((await other.outcome).exitCode).toBe(0);
});

test('a coordinator that is not there is waited for, one with another key is not', async () => {
  const node = await started('away.json', [await running.invite(), ...table()]);
  node.stop();
  await node.outcome;
  const identity = JSON.parse(await readFile(at('away.json'), 'utf8')) as object;
  const changed = async (change: object) =>
    writeFile(at('changed.json'), JSON.stringify({ ...identity, ...change }), { mode: 0o600 });

  await changed({ server: 'http://127.0.0.1:9' });
  const waiting: Outcome = await join('changed.json', table(), {
    onOutput: (written, stop) => {
      if (written.split('trying again').length > 2) stop();
    },
  });
  expect(waiting).toMatchObject({ exitCode: 0, json: { contributed: 0 } });
  expect(waiting.err).toContain('coordinatorUnreachable');

  await changed({ coordinatorKey: 'ab'.repeat(32) });
  const refused = await join('changed.json', table());
  expect(refused).toMatchObject({ exitCode: 1, json: { problem: { code: 'coordinatorKeyMismatch' } } });
  expect(refused.err).not.toContain('trying again');
});

test('a participant whose data are all of one class declines, unless that is permitted', async () => {
  const single = [
    '--data',
    `csv:${at('single.csv')}`,
    '--features',
    'a,b',
    '--target',
    'y',
    '--classes',
    'n,p',
  ];
  const node = await started('single.json', [await running.invite(), '--allow-plain', ...single]);
  const as = ['--identity', running.operatorFile, '--json'];
  const plan = [
    '--model',
    'mlp:2,2',
    '--cohort',
    '1',
    '--plain',
    '--rounds',
    '1',
    '--attempts',
    '1',
    '--evaluate-every',
    '0',
  ];
  const create = async () =>
    ((await hanse(['job', 'create', '--name', 'n', '--purpose', 'p', ...plan, ...as])).json as JobStatus)
      .jobId;
  const failed = await hanse(['job', 'watch', await create(), ...as]);
  expect(failed).toMatchObject({ exitCode: 1, json: { problem: { code: 'attemptsExhausted' } } });
  expect(JSON.parse(failed.out.split('\n').at(-3) ?? '')).toMatchObject({
    phase: 'failed',
    reason: 'attemptsExhausted',
    rounds: [{ declined: { dataSingleClass: 1 } }],
  });
  node.stop();
  expect((await node.outcome).json).toMatchObject({ declined: 1, contributed: 0 });

  const permitted = await started('single.json', [...single, '--allow-plain', '--allow-single-class']);
  const finished = await hanse(['job', 'watch', await create(), ...as]);
  expect(finished.json).toMatchObject({ phase: 'finished' });
  permitted.stop();
  expect((await permitted.outcome).json).toMatchObject({ contributed: 1 });
});

test.each<[what: string, words: () => string[], exitCode: number, code: string]>([
  ['a link that is no URL', () => ['clinic', ...table()], 2, 'usage'],
  ['a link without its fragment', () => [`${running.url}/`, ...table()], 2, 'usage'],
  ['a link that is cut off', () => [`${running.url}/#invite=AAAA`, ...table()], 2, 'usage'],
  ['no threads', () => [...table(), '--threads', '0'], 2, 'usage'],
  ['no link and no identity', () => table(), 1, 'identityUnreadable'],
  ['no data', () => [], 2, 'usage'],
  ['columns of data that have none', () => ['--data', 'mnist:test', '--classes', 'a,b'], 2, 'usage'],
  [
    'data that are not there',
    () => ['--data', `csv:${at('no.csv')}`, ...table().slice(2)],
    1,
    'dataFileMissing',
  ],
  [
    'data without an example',
    () => ['--data', `csv:${at('empty.csv')}`, ...table().slice(2)],
    1,
    'dataEmpty',
  ],
  ['a provider that this machine lacks', () => [...table(), '--provider', 'cuda'], 1, 'providerUnavailable'],
  ['a number in place of a file of rows', () => [...table(), '--rows', '100'], 2, 'usage'],
  ['a provider that nobody knows', () => [...table(), '--provider', 'tpu'], 2, 'usage'],
])('%s is refused by name', async (_what, words, exitCode, code) => {
  const refused = await join('none.json', words());
  expect(refused.err).not.toContain('enrolled');
  expect(refused).toMatchObject({ exitCode, json: { problem: { code } } });
  const node = await started('control.json', [await running.invite(), ...table()]);
  node.stop();
  expect((await node.outcome).exitCode).toBe(0);
});

test('whose role is another does not join', async () => {
  const link = await running.invite('researcher');
  const refused = await join('researcher.json', [link, ...table()]);
  expect(refused).toMatchObject({ exitCode: 1, json: { problem: { code: 'roleRefused' } } });
  const node = await started('participant.json', [await running.invite(), ...table()]);
  node.stop();
  expect((await node.outcome).exitCode).toBe(0);
});

test('a researcher and an auditor enrol without data, and then do what is theirs to do; a participant is asked for its data', async () => {
  const enrolled = await join('author.json', [await running.invite('researcher')]);
  expect(enrolled.json).toMatchObject({ role: 'researcher', identity: at('author.json') });
  expect(enrolled.err).toMatch(/directory \d+ pinned/);
  expect((await stat(at('author.json.directory'))).mode & 0o777).toBe(0o600);
  const listed = await hanse(['job', 'list', '--identity', at('author.json'), '--json']);
  expect(listed.json).toMatchObject({ jobs: expect.any(Array) });
  const auditor = await join('auditor.json', [await running.invite('auditor')]);
  expect(auditor.json).toMatchObject({ role: 'auditor', identity: at('auditor.json') });
  const may = await hanse(['policy', 'history', '--identity', at('auditor.json'), '--json']);
  expect(may.json).toMatchObject({ version: 0 });
  const mayNot = await hanse(['policy', 'history', '--identity', at('author.json'), '--json']);
  expect(mayNot).toMatchObject({ exitCode: 1, json: { problem: { code: 'accessRefused' } } });

  const refused = await join('no-data.json', [await running.invite()]);
  expect(refused).toMatchObject({ exitCode: 2, json: { problem: { code: 'usage' } } });
  expect((await readdir(running.folder)).filter((name) => name.startsWith('no-data'))).toEqual([]);
  expect(await join('nobody.json', [])).toMatchObject({ exitCode: 2, json: { problem: { code: 'usage' } } });
});

test('the configuration file says how the coordinator is trusted and what admits the node; the command line has the last word', async () => {
  const { cert } = makeCertificate();
  await writeFile(at('service.pem'), cert);
  await writeFile(at('service.word'), 'correct horse\n', { mode: 0o600 });
  await hanse(['organisation', 'new-key', '-o', at('service.key')]);
  const columns = 'columns: { features: [a, b], target: y, classes: [n, p] }';
  const data = `data: [{ name: p, version: "1", ${TERMS_YAML}, source: "csv:table.csv", ${columns} }]`;
  const access = 'ca: service.pem\npassphraseFile: service.word\norganisationKey: service.key\n';
  await writeFile(at('service.yaml'), `identity: service.json\nprovider: cpu\n${access}${data}\n`);
  const outcome = await hanse(['join', await running.invite(), '--config', at('service.yaml'), '--json'], {
    onOutput: (written, stop) => {
      if (written.includes('ready; waiting for work')) stop();
    },
  });
  expect(outcome).toMatchObject({ exitCode: 0, json: { contributed: 0 } });
  expect(JSON.parse(await readFile(at('service.json'), 'utf8'))).toMatchObject({ version: 2, ca: cert });
  const beside = (await readdir(running.folder)).filter((name) => name.startsWith('service.json.'));
  expect(beside).not.toContain('service.json.organisation');

  const options = { identity: 'x', name: 'n', provider: 'auto', threads: 1, dataSetVersion: '1' } as const;
  const given = { ...options, config: at('service.yaml'), admission: 'a.b', proxy: 'proxy.example' };
  const { access: said } = await planJoin(given, options);
  expect(said).toEqual({
    ca: at('service.pem'),
    passphraseFile: at('service.word'),
    proxy: 'proxy.example',
    admission: 'a.b',
    organisationKey: undefined,
  });
});
