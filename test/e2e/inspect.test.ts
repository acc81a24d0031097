/**
 * What a node of a real federation has sent, as its owner is shown it by `hanse inspect`, beside what it was told to be
 * accepted.
 */
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { HEADER_BYTES } from '../../protocol/vector.ts';
import { isBuilt, runHanse, startHanse } from './hanse-process.ts';
import { SmallFederation, smallPlan } from './small-federation.ts';

describe.skipIf(!isBuilt)('hanse inspect (needs the build: npm test makes it)', () => {
  let federation: SmallFederation;
  beforeAll(async () => {
    federation = new SmallFederation();
    await federation.serve({ args: ['--recruit-grace', '0'] });
  });
  afterAll(() => federation.end());

  test('shows the first update once it has left, then the latest, each as its receipt has it', async () => {
    const node = await federation.join('clinic', 'participant', 1);
    const contributed = () => node.lines.filter(({ type }) => type === 'contributed');
    const identity = join(federation.folder, 'clinic', 'identity.json');
    const words = ['inspect', '--identity', identity, '--json'];
    const waiting = startHanse([...words, '--wait']);
    await waiting.until('that it waits', () => waiting.stderr.includes('waiting for the next update'));

    const plan = smallPlan({ cohort: { size: 1, minimum: 1 }, clipNorm: 0.01 });
    const jobId = await federation.createJob(plan, async () => {});
    expect(await waiting.ended()).toMatchObject({ code: 0 });
    const seen = [waiting.result.last];
    expect((await federation.jobAtEnd(jobId)).phase).toBe('finished');
    await node.until('its second receipt', () => contributed().length === 2);
    const { result, code } = await runHanse(words);
    expect(code).toBe(0);
    seen.push(result.last);
    expect(seen[0].egress.round).toBeLessThanOrEqual(seen[1].egress.round);
    expect(seen[1].egress.round).toBe(2);
    for (const { egress, receipt } of seen) {
      const { report } = contributed().find(({ task }) => task.round === egress.round) ?? {};
      expect(receipt).toEqual(report.receipt);
      expect(egress).toMatchObject({
        jobId,
        bytes: report.receipt.bytes,
        norm: report.norm,
        isClipped: true,
      });
      expect(egress.bytes).toBeGreaterThan(HEADER_BYTES);
      expect(egress.clipped.greatest).toBeLessThan(egress.before.greatest);
    }
    expect(result.unwatched).toBe(0);
  });
});
