/**
 * The page that a coordinator serves, before anything is trained: what it loads and from where, and what it says of files
 * that are not as they should be. Nothing is lost: a good file is taken after each.
 */
import { mkdtempSync, rmSync, statSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, inject, test } from 'vitest';
import { EN } from '../../client/web/texts/en.ts';
import { launchChromium, newProfile } from '../../sim/browser/launch-chromium.ts';
import { enrolInTab, openLink, press } from '../../sim/browser/tab-node.ts';
import { DEADLINE_MS, isBuilt } from './hanse-process.ts';
import { SmallFederation } from './small-federation.ts';

const found = inject('chromium');
const missing = 'missing' in found ? found.missing : isBuilt ? undefined : 'the build is missing';

/** Of what is loaded before data are chosen, as it travels. */
const PAGE_BYTES = 300_000;
const HOSTILE = '<img src=x onerror=alert(1)>';
const GOOD = 'a,b,label\n1,2,no\n3,4,yes\n';

describe.skipIf(missing)(`the page of a coordinator${missing ? ` (skipped: ${missing})` : ''}`, () => {
  const federation = new SmallFederation();
  let folder: string;
  let browser: Browser;
  let page: Page;
  const loaded: { url: string; bytes: number }[] = [];
  const wrong: string[] = [];

  beforeAll(async () => {
    if ('missing' in found) throw new Error(found.missing);
    folder = mkdtempSync(join(tmpdir(), 'hanse-data-'));
    browser = await launchChromium(found, { webgpu: false });
    await federation.serve();
    const context = await newProfile(browser);
    context.setDefaultTimeout(DEADLINE_MS);
    const sizes: Promise<void>[] = [];
    context.on('requestfinished', (request) => {
      const one = { url: request.url(), bytes: 0 };
      loaded.push(one);
      sizes.push(
        request.sizes().then(({ responseBodySize }) => {
          one.bytes = responseBodySize;
        }),
      );
    });
    page = await openLink(context, await federation.invite('participant'));
    page.on('pageerror', (error) => wrong.push(String(error)));
    page.on('dialog', (dialog) => wrong.push(dialog.message()));
    page.on('console', (message) => message.type() === 'error' && wrong.push(message.text()));
    await enrolInTab(page, 'tab');
    await Promise.all(sizes);
  });
  afterAll(async () => {
    await browser?.close();
    await federation.end();
    rmSync(folder, { recursive: true, force: true });
  });

  const file = (name: string, content: string | Uint8Array) => {
    const path = join(folder, name);
    writeFileSync(path, content);
    return path;
  };
  /** Chooses a table, and looks at what is in it. */
  const look = async (path: string) => {
    await page.getByLabel(EN.data.kind).selectOption('csv');
    await page.getByLabel(EN.data.file, { exact: true }).setInputFiles(path);
    await press(page, EN.data.preview);
  };
  const problem = async (code: string) => {
    await page.getByRole('alert').filter({ hasText: code }).waitFor();
    const said = await page.getByRole('alert').innerText();
    await press(page, EN.problem.back);
    return said;
  };
  const preview = async () => {
    await page.getByRole('button', { name: EN.data.use, exact: true }).waitFor();
    return page.locator('article').innerText();
  };
  const good = async () => {
    await look(file('good.csv', GOOD));
    expect(await preview()).toContain('no: 1, yes: 1');
  };

  test('is small, comes whole from its coordinator, and loads no runtime before one is needed', () => {
    const { origin } = new URL(page.url());
    expect(loaded.length).toBeGreaterThan(3);
    expect(loaded.filter(({ url }) => !url.startsWith(origin))).toEqual([]);
    expect(loaded.filter(({ url }) => /ort|wasm/.test(url))).toEqual([]);
    const assets = loaded.filter(({ url }) => url.includes('/assets/'));
    expect(assets.some(({ url }) => url.includes('participant-worker'))).toBe(true);
    const bytes = assets.reduce((sum, one) => sum + one.bytes, 0);
    expect(bytes).toBeGreaterThan(50_000);
    expect(bytes).toBeLessThan(PAGE_BYTES);
  });

  test('a file of 2 GB is refused before it is read', async () => {
    const path = file('large.csv', GOOD);
    truncateSync(path, 2 ** 31);
    expect(statSync(path).size).toBe(2 ** 31);
    await look(path);
    expect(await problem('dataFileTooLarge')).toContain('large.csv');
    await good();
  });

  test('a byte order mark is left out, GBK is recognised and said, so is a delimiter', async () => {
    await look(file('bom.csv', `\uFEFF${GOOD}`));
    expect(await preview()).toContain(EN.data.byteOrderMark);
    const gbk = [0xc4, 0xea, 0xc1, 0xe4]; // 年龄
    await look(file('gbk.csv', Uint8Array.of(...gbk, ...new TextEncoder().encode(',label\n1,a\n2,b\n'))));
    const told = await preview();
    expect(told).toContain('年龄');
    expect(told.toLowerCase()).toMatch(/encoding: gb/);
    await look(file('semicolon.csv', GOOD.replaceAll(',', ';')));
    expect(await preview()).toContain(EN.data.delimiterNote(';', true));
  });

  test('missing labels and mixed types are said; rows without a label are left out', async () => {
    await look(file('missing.csv', 'a,b,label\n1,2,no\n3,4,\n5,6,yes\n'));
    expect(await preview()).toContain(EN.data.missingLabels(1));
    await look(file('mixed.csv', 'a,b,label\n1,2,no\nthree,4,yes\n5,6,yes\n'));
    expect(await preview()).toContain(EN.data.mixedTypes('a'));
    await look(file('none.csv', 'a,b,label\n1,2,\n'));
    await problem('dataEmpty');
    await good();
  });

  test('names with markup are text', async () => {
    await look(file(`${HOSTILE.replaceAll('/', '')}.csv`, `"${HOSTILE}",b,label\n1,2,${HOSTILE}\n3,4,yes\n`));
    expect(await preview()).toContain(HOSTILE);
    expect(await page.locator('img').count()).toBe(0);
  });

  test('a file that changes between looking and using is not used', async () => {
    const path = file('changing.csv', GOOD);
    await look(path);
    await preview();
    writeFileSync(path, `${GOOD}5,6,yes\n`);
    await press(page, EN.data.use);
    expect(await problem('dataFileChanged')).toContain('changing.csv');
    await good();
    await press(page, EN.data.use);
    await page.getByText(EN.consent.rows(2)).waitFor();
    expect(loaded.some(({ url }) => /ort/.test(url))).toBe(true);
  });

  test('nothing of it was thrown, logged or opened', () => {
    expect(wrong).toEqual([]);
  });
});
