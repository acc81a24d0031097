// covers: client/web/pack/pack-page.ts, client/web/pack/elements.ts, client/web/pack/bar-plot.ts
/**
 * An evidence pack in a real browser, from a file: it verifies itself, offline, and names what was changed in it.
 */
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import type { Browser } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, inject, test } from 'vitest';
import { evidencePage } from '../../client/audit/evidence-page.ts';
import { packJob } from '../../protocol/audit/pack-job.ts';
import { fromBase64, toBase64, utf8 } from '../../protocol/bytes.ts';
import { canonicalJson } from '../../protocol/canonical.ts';
import type { EvidencePack } from '../../schemas/evidence-pack.ts';
import type { JobManifest } from '../../schemas/job.ts';
import { launchChromium } from '../../sim/browser/launch-chromium.ts';
import { adaptiveJob } from '../fixtures/adaptive-job.ts';
import { entriesOfFederation, logKeyOfFederation } from '../fixtures/exported-federation.ts';
import { exportOf, sourceOf } from '../fixtures/exported-log.ts';
import { TestFederation } from '../fixtures/federation.ts';
import { beginJob, playRound, SIZE } from '../fixtures/secure-round.ts';
import { noteKey } from '../protocol/audit/notes.ts';

const ASSETS = fileURLToPath(new URL('../../dist/pack/', import.meta.url));
const found = inject('chromium');
const missing = 'missing' in found ? found.missing : existsSync(ASSETS) ? undefined : 'the build is missing';
const NAME = '</script><img src=x onerror="document.title=1">';

describe.skipIf(missing)(`an evidence pack${missing ? ` (skipped: ${missing})` : ''}`, () => {
  let folder: string;
  let browser: Browser;
  let pack: EvidencePack;

  beforeAll(async () => {
    if ('missing' in found) throw new Error(found.missing);
    folder = mkdtempSync(join(tmpdir(), 'hanse-pack-'));
    browser = await launchChromium(found, { webgpu: false });
    const federation = await TestFederation.open({ participants: SIZE });
    const { jobId } = await beginJob(federation, {
      ...(adaptiveJob(1, 2) as Partial<JobManifest>),
      name: NAME,
    });
    await playRound(federation);
    await playRound(federation, 1);
    const files = await exportOf(await entriesOfFederation(federation), {
      by: await logKeyOfFederation(),
      witnesses: [
        await noteKey('clinic-a.example/w', 'cosignature', 8),
        await noteKey('clinic-b.example/w', 'cosignature', 9),
      ],
    });
    const { manifest } = federation.coordinator.job(jobId).state;
    const text = async (name: string) => new TextDecoder().decode(files.get(name)).trimEnd();
    pack = await packJob(
      {
        ...sourceOf(files),
        verifierKey: () => text('log.vkey'),
        policy: async () => `${await text('witness-policy')}\n`,
        manifest: async () => utf8(canonicalJson(manifest)),
      },
      jobId,
    );
  });
  afterAll(async () => {
    await browser?.close();
    rmSync(folder, { recursive: true, force: true });
  });

  /** What the page shows, and what it asked the network for. */
  async function shown(some: EvidencePack) {
    const [script, style] = ['pack-page.js', 'pack-page.css'].map((name) =>
      readFileSync(join(ASSETS, name), 'utf8'),
    ) as [string, string];
    const file = join(folder, 'pack.html');
    writeFileSync(file, await evidencePage(some, { script, style }));
    const page = await browser.newPage();
    const requests: string[] = [];
    page.on('request', (request) => requests.push(request.url()));
    const address = pathToFileURL(file).href;
    await page.goto(address);
    await page.locator('.verified, .refused').first().waitFor();
    const told = await page.locator('main').innerText();
    const title = await page.title();
    const plots = await page
      .locator('svg')
      .evaluateAll((all) => all.map((one) => one.getAttribute('aria-label')));
    await page.close();
    return { told, title, plots, others: requests.filter((url) => url !== address) };
  }

  test('says that it is verified and what happened, and asks nobody', async () => {
    const { told, title, plots, others } = await shown(pack);
    expect(told).toContain(`Verified: all ${pack.entries.length} entries of this page are in the log`);
    expect(told).toContain(NAME);
    expect(told).toMatch(/spent\s+epsilon [\d.]+ at delta 0.1, by 2 sums that were opened/);
    expect(told).toMatch(/witnesses\s+2 of 2; 2 are needed/);
    expect(told).toContain('clinic-a.example/w');
    expect(told).toMatch(new RegExp(`hansa\\s+${SIZE}\\s+0`));
    expect(plots.map((label) => label?.split(',')[0])).toEqual([
      'updates',
      'epsilon spent',
      'bytes of updates',
    ]);
    expect(title).toBe(`Evidence of ${pack.jobId}`);
    expect(others).toEqual([]);
  });

  test('names the entry of which one bit was changed', async () => {
    const at = pack.entries.length >> 1;
    const entries = pack.entries.map((entry, i) => {
      if (i !== at) return entry;
      const bytes = Uint8Array.from(fromBase64(entry.bytes) as Uint8Array);
      bytes[50] = (bytes[50] as number) ^ 1;
      return { ...entry, bytes: toBase64(bytes) };
    });
    const { told } = await shown({ ...pack, entries });
    expect(told).toContain(`Not verified: leaf ${pack.entries[at]?.index} is the first that fails.`);
    expect(told).not.toContain('Verified: all');
  });

  test('with another manifest than the one of the log says so, and tells no privacy by it', async () => {
    const bytes = new TextDecoder().decode(fromBase64(pack.manifest ?? ''));
    const manifest = toBase64(utf8(bytes.replace('"delta":0.1', '"delta":0.2')));
    const { told } = await shown({ ...pack, manifest });
    expect(told).toContain('hashMismatch');
    expect(told).not.toContain('sums that were opened');
  });

  test('of another form is not verified', async () => {
    const { told } = await shown({ ...pack, version: 2 } as never);
    expect(told).toContain('Not verified: ');
  });
});
