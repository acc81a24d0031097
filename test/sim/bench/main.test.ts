// covers: sim/bench/main.ts, sim/bench/groups.ts, sim/bench/rows/train-step.ts, sim/bench/rows/train-step-cnn.ts, sim/bench/rows/clip-per-example.ts, sim/bench/rows/simulate.ts, sim/bench/rows/aggregate.ts, sim/bench/rows/mask-add.ts, sim/bench/rows/train-step-transformer.ts, sim/bench/rows/server-update.ts, sim/bench/rows/fuzz.ts, sim/bench/rows/noise.ts, sim/bench/rows/lot-gradient.ts, sim/bench/rows/accountants.ts, sim/bench/tab-federation.ts, sim/bench/bench-coordinator.ts, sim/bench/rows/authorize.ts, sim/bench/rows/audit-query.ts, sim/bench/rows/audit-log.ts, sim/bench/rows/audit-checks.ts, sim/bench/audit-process.ts
// covers: sim/bench/main.ts, sim/bench/groups.ts, sim/bench/rows/train-step.ts, sim/bench/rows/train-step-cnn.ts, sim/bench/rows/clip-per-example.ts, sim/bench/rows/simulate.ts, sim/bench/rows/aggregate.ts, sim/bench/rows/mask-add.ts, sim/bench/rows/train-step-transformer.ts, sim/bench/rows/server-update.ts, sim/bench/rows/fuzz.ts, sim/bench/rows/noise.ts, sim/bench/rows/lot-gradient.ts, sim/bench/rows/accountants.ts, sim/bench/tab-federation.ts, sim/bench/bench-coordinator.ts, sim/bench/rows/audit-log.ts, sim/bench/rows/audit-checks.ts, sim/bench/audit-process.ts, sim/bench/rows/audit-query.ts
import { expect, test } from 'vitest';
import { GROUPS } from '../../../sim/bench/groups.ts';
import { help, parseInvocation } from '../../../sim/bench/main.ts';

const names = (...words: string[]) => parseInvocation(words).rows.map(({ name }) => name);

test('a group, all groups, or the rows that are named', () => {
  expect(names('ground')).toEqual([
    'train-step/mlp200/b32/cpu',
    'train-step/mlp200/b32/wasm',
    'train-step/mlp200/b10/cpu',
    'simulate/mlp200/participants-per-core-second',
    'aggregate/plain/100x1M',
    'round/echo/10x159k',
    'round/echo/10x1M',
  ]);
  expect(names('mnist')).toEqual(['mnist/2nn/iid/rounds-to-97', 'mnist/2nn/shards/rounds-to-97']);
  expect(names('graph')).toEqual(
    expect.arrayContaining(['train-step/cnn/b32/cpu', 'train-step/cnn/b32/wasm', 'compile/cnn']),
  );
  expect(names('graph', 'clip-per-example')).toContain('train-step/clip-per-example/mlp200');
  // The rounds belong to two groups, and are measured once.
  expect(names('transport')).toEqual(expect.arrayContaining(['round/echo/10x159k', 'server/update/159k']));
  expect(names('browser')).toEqual([
    'browser/wasm/mlp200/b32',
    'browser/interactive',
    'browser/longest-task',
    'browser/heap-growth',
  ]);
  expect(names('privacy')).toEqual([
    'privacy/sampler/cdt',
    'privacy/noise/1M',
    'privacy/pld/q.01-s1-T1e4',
    'privacy/rdp/q.01-s1-T1e4',
    'privacy/calibrate/eps1-q.01-T1000',
    'privacy/train-step-overhead/mlp200',
  ]);
  expect(names('audit')).toEqual([
    'audit/append',
    'audit/inclusion/1M',
    'audit/consistency/1M',
    'audit/export/1M',
    'audit/fsck/1M',
  ]);
  const groups = [...Object.keys(GROUPS)].flatMap((group) => names(group));
  expect(names()).toEqual([...new Set(groups)]);
  expect(names('ground', 'echo', '--json')).toEqual(['round/echo/10x159k', 'round/echo/10x1M']);
});

test('what is not understood is wrong usage, and names what there is', () => {
  const usage = (pattern: RegExp) =>
    expect.objectContaining({ code: 'usage', message: expect.stringMatching(pattern) });
  expect(() => parseInvocation(['grund'])).toThrow(
    usage(
      /"grund".*access, ground, graph, transport, browser, secagg, privacy, audit, mnist, privacy-curves/,
    ),
  );
  expect(() => parseInvocation(['toString'])).toThrow(
    usage(/access, ground, graph, transport, browser, secagg, privacy, audit, mnist, privacy-curves/),
  );
  expect(() => parseInvocation(['ground', 'ekko'])).toThrow(usage(/"ekko".*round\/echo\/10x1M/));
  expect(() => parseInvocation(['ground', 'echo', 'more'])).toThrow(usage(/more/));
  expect(() => parseInvocation(['--colour'])).toThrow(usage(/--colour/));
  for (const rates of ['0', '-1', 'x', '0.1,'])
    expect(() => parseInvocation(['mnist', `--lr=${rates}`])).toThrow(usage(/--lr/));
  expect(parseInvocation(['mnist', '--lr', '0.1,0.2']).learningRates).toEqual([0.1, 0.2]);
  expect(parseInvocation(['mnist']).learningRates).toBeUndefined();
});

test('the help names every group and row; rows have names of their own and ask for something', () => {
  const text = help();
  const rows = [...new Set(Object.values(GROUPS).flatMap((group) => group.rows))];
  for (const name of Object.keys(GROUPS)) expect(text).toContain(`  ${name}: `);
  for (const { name, unit } of rows) expect(text).toContain(`${name} [${unit}]`);
  expect(new Set(rows.map(({ name }) => name)).size).toBe(rows.length);
  expect(rows.filter(({ asked }) => asked.length === 0)).toEqual([]);
  expect(parseInvocation(['--help']).isHelp).toBe(true);
});
