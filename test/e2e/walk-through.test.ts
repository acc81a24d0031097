/**
 * The way through the commands that the README describes, each as a process: an operator invites, nodes join, a
 * researcher creates a job, follows it, and uses the model. Tables of one organisation each stand in for data, with
 * a mark in every row that must never reach the coordinator.
 */
import { createHash } from 'node:crypto';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type HanseProcess, isBuilt, runHanse, startHanse } from './hanse-process.ts';
import { COLUMNS, tableOf } from './small-federation.ts';
import { filesHolding } from './stored-bytes.ts';

const MARK = 'MARK-OF-A-ROW-THAT-STAYS';
const OPERATOR = '.hanse/coordinator/keys/operator.json';
const ROLES = { a: 'participant', b: 'participant', c: 'participant', e: 'evaluator' } as const;
const UNKNOWN_JOB = 'job-0123456789abcdef';

describe.skipIf(!isBuilt)('the commands, from first to last (needs the build: npm test makes it)', () => {
  let cwd: string;
  let coordinator: HanseProcess;
  const nodes: HanseProcess[] = [];
  const run = (...args: string[]) => runHanse(args, { cwd });
  const json = async (...args: string[]) => {
    const { code, result, said } = await run(...args, '--json');
    expect(code, said).toBe(0);
    return result;
  };

  beforeAll(() => {
    cwd = mkdtempSync(join(tmpdir(), 'hanse-walk-'));
    Object.keys(ROLES).forEach((name, i) => {
      const [header, ...rows] = tableOf(40, i + 1)
        .trim()
        .split('\n');
      const marked = rows.map((row, k) => `${row},${MARK}-${name}-${k}`);
      writeFileSync(join(cwd, `${name}.csv`), `${[`${header},note`, ...marked].join('\n')}\n`);
    });
  });
  afterAll(() => rmSync(cwd, { recursive: true, force: true }));

  test('serve, invite and join', async () => {
    coordinator = startHanse(['serve', '--port', '0', '--json'], { cwd });
    const ready = await coordinator.line('the address', (line) => line.ready === true);
    expect(ready).toMatchObject({ operatorIdentity: join(cwd, OPERATOR) });
    for (const [name, role] of Object.entries(ROLES)) {
      const invite = await json('invite', '--organisation', `${name}.example`, '--role', role);
      expect(invite).toMatchObject({
        role,
        organisationId: `${name}.example`,
        link: expect.stringContaining(ready.url),
      });
      const data = ['--data', `csv:${name}.csv`, ...COLUMNS];
      const args = ['join', invite.link, '--identity', `${name}.json`, '--name', name, ...data, '--json'];
      const node = startHanse(args, { cwd });
      nodes.push(node);
      await node.line('readiness', ({ type }) => type === 'ready');
      const second = await run('join', '--identity', `${name}.json`, ...data, '--json');
      expect(second).toMatchObject({ code: 1, result: { problem: { code: 'identityInUse' } } });
    }
  });

  test('job create, watch, show and list; model export and predict', async () => {
    expect(await json('job', 'list')).toEqual({ jobs: [] });
    const flags = [
      '--model',
      'mlp:4,8,2',
      '--lr',
      '0.5',
      '--rounds',
      '3',
      '--cohort',
      '3',
      '--deadline',
      '60',
    ];
    const created = await json('job', 'create', '--name', 'walk', '--purpose', 'a walk', ...flags);
    expect(created.jobId).toMatch(/^job-[0-9a-f]{16}$/);
    const watch = await run('job', 'watch', created.jobId, '--json');
    expect(watch.code).toBe(0);
    expect(watch.result).toMatchObject({ jobId: created.jobId, phase: 'finished', round: 3 });
    expect(watch.lines.filter((line) => 'round' in line && 'outcome' in Object(line.round))).toHaveLength(3);
    const shown = await json('job', 'show', created.jobId);
    expect(shown).toMatchObject({ phase: 'finished', model: watch.result.model, manifest: { rounds: 3 } });
    expect(shown.rounds.map(({ updates }: { updates: number }) => updates)).toEqual([3, 3, 3]);
    expect(shown.rounds.at(-1).metrics).toMatchObject({ examples: 40, accuracy: expect.any(Number) });
    expect((await json('job', 'list')).jobs).toMatchObject([{ jobId: created.jobId, name: 'walk' }]);

    const exported = await json('model', 'export', created.jobId, '-o', 'walk.onnx');
    const model = readFileSync(join(cwd, 'walk.onnx'));
    expect(exported).toMatchObject({ round: 3, bytes: model.length, parametersSha256: shown.model });
    expect(createHash('sha256').update(model).digest('hex')).toBe(exported.modelSha256);
    const one = await json('model', 'predict', 'walk.onnx', '--input', '1,0.9,0,0');
    expect(one.predictions).toHaveLength(1);
    expect(one.predictions[0]).toHaveLength(2);
    const many = await json(
      'model',
      'predict',
      'walk.onnx',
      '--data',
      'csv:e.csv',
      ...COLUMNS,
      '--limit',
      '3',
    );
    expect(many.predictions).toHaveLength(3);

    // For people: the same, as text.
    const text = await run('job', 'show', created.jobId);
    expect(text.code).toBe(0);
    expect(text.stdout).toContain('secure sums: the coordinator sees no update, only their sum');
    expect(text.stdout).toMatch(/round 3: released, 3 of 3 updates, loss [0-9.]+, accuracy [0-9.]+ %/);
    expect((await run('model', 'predict', 'walk.onnx', '--input', '1,0.9,0,0')).stdout).toMatch(
      /class [01]\n/,
    );
  });

  test('job cancel ends a job for good', async () => {
    // One more than there are: it waits.
    const flags = ['--model', 'mlp:4,8,2', '--cohort', '4', '--minimum', '4'];
    const { jobId } = await json('job', 'create', '--name', 'wait', '--purpose', 'waits', ...flags);
    expect(await json('job', 'cancel', jobId)).toMatchObject({ jobId, phase: 'cancelled' });
    const again = await run('job', 'cancel', jobId, '--json');
    expect(again).toMatchObject({ code: 1, result: { problem: { code: 'jobEnded' } } });
    const unreleased = await run('model', 'export', jobId, '--json');
    expect(unreleased).toMatchObject({ code: 1, result: { problem: { code: 'modelUnreleased' } } });
    expect(existsSync(join(cwd, '.hanse', 'model.onnx'))).toBe(false);
  });

  test.each([
    { line: '--version', code: 0 },
    { line: 'job --help', code: 0 },
    { line: `job show ${UNKNOWN_JOB}`, code: 1, problem: 'jobUnknown' },
    { line: 'invite --organisation a.example --identity none.json', code: 1, problem: 'identityUnreadable' },
    { line: 'model predict none.onnx --input 1', code: 1, problem: 'dataFileMissing' },
    { line: 'job create --name purposeless', code: 2, problem: 'usage' },
    { line: 'sail', code: 2, problem: 'usage' },
    { line: 'job list --colour', code: 2, problem: 'usage' },
  ])('hanse $line: exit code $code', async ({ line, code, problem }) => {
    const ended = await run(...line.split(' '), ...(problem ? ['--json'] : []));
    expect(ended.code).toBe(code);
    if (problem) expect(ended.result).toMatchObject({ problem: { code: problem } });
    expect(code === 0 ? ended.stdout : ended.stderr).not.toBe('');
  });

  test('everything ends when asked, and no row has come to the coordinator', async () => {
    for (const node of nodes) {
      expect(await node.stop()).toEqual({ code: 0, signal: null });
      expect(node.result).toMatchObject({ declined: 0, missed: 0 });
    }
    expect(nodes.map(({ result }) => [result.contributed, result.evaluated])).toEqual([
      [3, 0],
      [3, 0],
      [3, 0],
      [0, 3],
    ]);
    expect(await coordinator.stop()).toEqual({ code: 0, signal: null });
    const kept = join(cwd, '.hanse', 'coordinator');
    const mark = new TextEncoder().encode(MARK);
    expect(filesHolding(kept, mark)).toEqual([]);
    const planted = join(kept, 'blobs', 'planted');
    writeFileSync(planted, readFileSync(join(cwd, 'a.csv')));
    expect(filesHolding(kept, mark)).toEqual([planted]);
  });
});
