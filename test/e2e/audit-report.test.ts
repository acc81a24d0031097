/**
 * The page of a periodic report in a real browser: axe finds nothing in it, it asks nobody, and planted markup runs nowhere.
 */
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import type { Browser } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, inject, test } from 'vitest';
import { reportPage } from '../../client/audit/report-page.ts';
import { ALL } from '../../protocol/audit/period.ts';
import { PeriodReportFold } from '../../protocol/audit/report/period-report.ts';
import { launchChromium } from '../../sim/browser/launch-chromium.ts';
import { asked, nodeId, PlantedEntries } from '../fixtures/planted-entries.ts';

const AXE = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');
const found = inject('chromium');
const missing = 'missing' in found ? found.missing : undefined;
const EVIL = '</title></style><script>document.title="run"</script><img src=x onerror="document.title=1">';

declare const axe: { run(): Promise<{ violations: { id: string; nodes: { html: string }[] }[] }> };

describe.skipIf(missing)(`the page of a report${missing ? ` (skipped: ${missing})` : ''}`, () => {
  let browser: Browser;
  let text: string;

  beforeAll(async () => {
    if ('missing' in found) throw new Error(found.missing);
    browser = await launchChromium(found, { webgpu: false });
    const log = new PlantedEntries();
    for (const name of ['a', 'b']) log.member(name, `clinic-${name}`);
    for (const name of [EVIL, 'triage']) {
      const job = log.job(name, 'a');
      for (const round of [1, 2]) log.round(job, round, ['a', 'b'], { epsilon: round / 2 });
    }
    const since = '2026-11-01T00:00:00.000Z';
    log.add('access.denied', { actor: 'anonymous', since, count: 1, codes: { a: 1 }, policies: { b: 1 } });
    log.add('policy.changed', {
      ...{ version: 1, before: '0', after: '1', diff: '- a\n+ b\n', by: nodeId('a'), approvedBy: [] },
    });
    const report = asked(new PeriodReportFold(ALL), log.entries).report();
    const verified = {
      ...{ origin: EVIL, size: log.entries.length, root: '0', checkpoint: EVIL, cosigners: [EVIL] },
      witnesses: { cosigned: 1, needed: 1, total: 1 },
    };
    text = await reportPage({ log: verified, isPinned: false, report });
  });
  afterAll(() => browser?.close());

  async function opened(page: string) {
    const tab = await browser.newPage();
    const requests: string[] = [];
    await tab.route('**/*', (route) => {
      requests.push(route.request().url());
      return route.fulfill({ contentType: 'text/html', body: page });
    });
    await tab.goto('http://report.example/');
    return { tab, requests };
  }

  test.each(['light', 'dark'] as const)(
    'holds nothing that axe objects to, where it is %s',
    async (colorScheme) => {
      const { tab, requests } = await opened(text);
      await tab.emulateMedia({ colorScheme });
      await tab.evaluate(AXE);
      const { violations } = await tab.evaluate(() => axe.run());
      expect(violations.map(({ id, nodes }) => [id, nodes[0]?.html])).toEqual([]);
      expect(await tab.title()).toBe('Audit report all');
      expect(await tab.locator('table').count()).toBeGreaterThan(5);
      expect(requests).toEqual(['http://report.example/']);
      await tab.close();
    },
  );

  test('would run what is planted, were it taken as it is and permitted: its policy does not', async () => {
    const planted = text.replace('</main>', `${EVIL}</main>`);
    const unbound = planted.replace(/<meta http-equiv="Content-Security-Policy"[^>]*>/, '');
    const { tab: held } = await opened(planted);
    expect(await held.title()).toBe('Audit report all');
    await held.close();
    const { tab: free } = await opened(unbound);
    await free.waitForFunction(() => document.title !== 'Audit report all');
    await free.close();
  });
});
