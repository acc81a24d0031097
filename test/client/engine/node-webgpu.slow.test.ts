/**
 * WebGPU in Node on SwiftShader, a driver in software that comes with the unpacked Chromium, as does a loader of
 * drivers. Both are named by the environment, so all is seen from processes of their own.
 */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, onTestFinished, test } from 'vitest';
import { unpacked } from '../../../sim/browser/find-chromium.ts';
import { isBuilt, runHanse, startHanse } from '../../e2e/hanse-process.ts';
import { COLUMNS, tableOf } from '../../e2e/small-federation.ts';

const CHILD = fileURLToPath(new URL('node-webgpu-child.mjs', import.meta.url));

const found = unpacked();
const folder = 'missing' in found ? undefined : found.swiftShader;
if (folder === undefined) console.warn('skipped: without the Chromium of npm there is no driver for Node');

/** The environment in which this is the only driver. */
function driver(file: string): Record<string, string> {
  const loaders = [folder, process.env.LD_LIBRARY_PATH].filter(Boolean).join(delimiter);
  return { LD_LIBRARY_PATH: loaders, VK_ICD_FILENAMES: file, VK_DRIVER_FILES: file };
}
const SWIFTSHADER = driver(join(folder ?? '', 'vk_swiftshader_icd.json'));
const NO_DRIVER = driver(join(folder ?? '', 'no_driver.json'));

function child(env: Record<string, string>) {
  const output = execFileSync(process.execPath, [CHILD], {
    env: { ...process.env, ...env },
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  return JSON.parse(output);
}

describe.skipIf(!isBuilt || folder === undefined)('webgpu in Node', () => {
  test('steps that run on the card alone agree with the processor', () => {
    const { apart, otherRate, ...rest } = child(SWIFTSHADER);
    expect(rest).toEqual({
      name: 'webgpu',
      reason: expect.stringMatching(/^asked for: native ONNX Runtime \d.* on WebGPU, step by step$/),
      steps: 8,
      repeats: 0,
      auto: 'cpu',
    });
    expect(Object.keys(apart)).toEqual(['parameters', 'losses', 'convolutions']);
    expect(Object.entries<number>(apart).filter(([, distance]) => !(distance < 1e-4))).toEqual([]);
    expect(otherRate).toBeGreaterThan(1e-3);
  });

  test('without a driver it is refused, and the process lives on', () => {
    expect(child(NO_DRIVER)).toEqual({
      code: 'providerUnavailable',
      detail: { asked: 'webgpu', reason: 'no graphics card with a driver was found' },
      message: expect.any(String),
      auto: 'cpu',
    });
  });

  test('hanse doctor tells which it is', async () => {
    const told = async (env: Record<string, string>) => {
      const { result } = await runHanse(['doctor', '--json'], { env });
      return result.findings.find(({ check }: { check: string }) => check === 'provider webgpu');
    };
    expect(await told(SWIFTSHADER)).toMatchObject({ ok: true });
    expect(await told(NO_DRIVER)).toMatchObject({ ok: false });
  });

  test('a node that asks for it trains a job on it, beside one on the processor', async () => {
    const cwd = mkdtempSync(join(tmpdir(), 'hanse-webgpu-'));
    onTestFinished(() => rmSync(cwd, { recursive: true, force: true }));
    const run = (...args: string[]) => runHanse([...args, '--json'], { cwd });
    const coordinator = startHanse(['serve', '--port', '0', '--json'], { cwd });
    await coordinator.line('the address', (line) => line.ready === true);
    const started = async (provider: string) => {
      const invite = await run('invite', '--organisation', `${provider}.example`);
      writeFileSync(join(cwd, `${provider}.csv`), tableOf(24, provider.length));
      const data = ['--data', `csv:${provider}.csv`, ...COLUMNS, '--provider', provider];
      const args = [
        'join',
        invite.result.link,
        '--identity',
        `${provider}.json`,
        ...data,
        '--allow-plain',
        '--json',
      ];
      const node = startHanse(args, { cwd, env: SWIFTSHADER });
      await node.line('readiness', ({ type }) => type === 'ready');
      return node;
    };
    const nodes = [await started('webgpu'), await started('cpu')];
    const job = ['--name', 'card', '--purpose', 'testing', '--model', 'mlp:4,2', '--lr', '0.5'];
    const two = ['--rounds', '2', '--cohort', '2', '--plain', '--deadline', '60'];
    const created = await run('job', 'create', ...job, ...two);
    const watched = await run('job', 'watch', created.result.jobId);
    expect(watched.result, watched.said).toMatchObject({ phase: 'finished', round: 2 });
    for (const ran of nodes) {
      await ran.stop();
      expect(ran.result, ran.said).toMatchObject({ contributed: 2, declined: 0 });
    }
    await coordinator.stop();
  });
});
