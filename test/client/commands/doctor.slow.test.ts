import { expect, test } from 'vitest';
import { answeringServer, html } from '../../fixtures/answering-server.ts';
import { hanse } from '../../fixtures/command-line.ts';
import { runCoordinator } from '../../fixtures/running-coordinator.ts';

interface Findings {
  readonly findings: readonly { readonly check: string; readonly ok: boolean; readonly detail: string }[];
}

test('what this machine can do, in words and in JSON', async () => {
  const { exitCode, json } = await hanse(['doctor', '--json']);
  expect(exitCode).toBe(0);
  const { findings } = json as Findings;
  expect(findings.map(({ check }) => check)).toEqual(
    expect.arrayContaining(['Node', 'disk', 'memory', 'provider cpu', 'provider wasm', 'example data']),
  );
  expect(findings.find(({ check }) => check === 'Node')).toMatchObject({
    ok: true,
    detail: process.versions.node,
  });
  expect(findings.find(({ check }) => check === 'cryptography')).toMatchObject({
    ok: true,
    detail: expect.stringMatching(
      /^suite 1 with aes-256-ctr by .+ MB\/s; suite 2 with chacha20 by .+ MB\/s$/,
    ),
  });
  expect(json).toMatchObject({
    cryptography: { suites: [1, 2], keyStreams: expect.any(Array), primitives: expect.any(Array) },
  });
  const cuda = findings.find(({ check }) => check === 'provider cuda');
  expect(cuda).toMatchObject({ ok: false });
  const words = await hanse(['doctor']);
  expect(words.out).toMatch(/^ok {4}Node: /m);
  expect(words.out).toMatch(/^ok {4}cryptography: suite 1 /m);
  expect(words.out).toMatch(/^note {2}provider cuda: /m);
  expect(words.out).toMatch(/^(ok {4}|note {2})provider webgpu: /m);
});

test('a coordinator that answers, one that does not, and one that is none', async () => {
  const running = await runCoordinator();
  const there = await hanse(['doctor', '--server', running.url]);
  expect(there.exitCode).toBe(0);
  expect(there.out).toContain(`coordinator: ${running.operator.federationId}, hanse/`);
  await running.close();
  const gone = await hanse(['doctor', '--server', running.url, '--json']);
  expect(gone).toMatchObject({
    exitCode: 1,
    json: { problem: { code: 'checkFailed', particulars: { check: 'coordinator' } } },
  });
  const page = await answeringServer(html(200));
  const other = await hanse(['doctor', '--server', page.url, '--json']);
  expect(other).toMatchObject({ exitCode: 1, json: { problem: { code: 'checkFailed' } } });
  await page.close();
});

test('one that accepts and stays silent ends with the command', async () => {
  const stop = new AbortController();
  const silent = await answeringServer(() => stop.abort());
  const asked = await hanse(['doctor', '--server', silent.url, '--json'], { stop });
  expect(asked).toMatchObject({ exitCode: 1, json: { problem: { code: 'interrupted' } } });
  await silent.close();
});

test('a coordinator of another version', async () => {
  const running = await runCoordinator({ protocol: { min: 2, max: 3 } });
  const { exitCode, out } = await hanse(['doctor', '--server', running.url]);
  expect(exitCode).toBe(1);
  expect(out).toContain('FAIL  coordinator: versionUnsupported');
  await running.close();
});

test.each(['coordinator', 'localhost:8790', 'ftp://127.0.0.1'])('%s is no address', async (server) => {
  expect(await hanse(['doctor', '--server', server, '--json'])).toMatchObject({
    exitCode: 2,
    json: { problem: { code: 'usage' } },
  });
});

test('a node, its key and its coordinator; each finding is a line of JSON, those of a failure too', async () => {
  const running = await runCoordinator();
  const { operatorFile } = running;
  const well = await hanse(['doctor', '--identity', operatorFile]);
  expect(well.exitCode).toBe(0);
  for (const check of ['identity', 'proxy', 'TLS', 'coordinator', 'clock', 'pinned key', 'membership'])
    expect(well.out).toMatch(new RegExp(`^ok {4}${check}: `, 'm'));
  await running.app.close();
  const gone = await hanse(['doctor', '--identity', operatorFile, '--json']);
  expect(gone).toMatchObject({ exitCode: 1, json: { problem: { code: 'checkFailed' } } });
  const lines = gone.out
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line));
  expect(lines).toContainEqual({
    finding: expect.objectContaining({ check: 'coordinator', ok: false, remedy: expect.any(String) }),
  });
  await running.close();
});

test('what is no proxy is wrong usage', async () => {
  const words = ['doctor', '--server', 'http://127.0.0.1:1', '--proxy', 'socks5://x', '--json'];
  expect(await hanse(words)).toMatchObject({ exitCode: 2, json: { problem: { code: 'usage' } } });
});
