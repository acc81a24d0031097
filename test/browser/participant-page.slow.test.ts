// covers: client/web/main.tsx, client/web/page-state.ts, client/web/views/app.tsx, client/web/views/problem-view.tsx, client/web/views/join-view.tsx, client/web/views/data-step.tsx, client/web/views/preview-view.tsx, client/web/views/consent-view.tsx, client/web/views/job-terms.tsx, client/web/views/budget-choice.tsx, client/web/views/live-view.tsx, client/web/views/egress-view.tsx, client/web/views/loss-chart.tsx, client/web/views/submitted.ts, client/web/views/selection-of.ts, client/web/texts/en.ts, client/web/texts/zh.ts
/**
 * The way from an invite to training as a person goes it, with the keyboard, in a real browser: no page breaks a rule of
 * axe, in either language, light or dark, at any width; what comes from files and from others is shown as text.
 * Screenshots are written to .hanse/screenshots.
 */
import { mkdirSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import type { Page } from 'playwright-core';
import { expect, test } from 'vitest';
import { entryOf } from '../../sim/browser/page-entry.ts';
import { bundle } from './bundle.ts';
import { inChromium } from './chromium.ts';

const SHOTS = '.hanse/screenshots';
const axe = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');
const WIDTHS = [
  { width: 360, height: 740 },
  { width: 1280, height: 800 },
  { width: 3840, height: 2160 },
];

/** Looks at the page as it is, in both schemes and languages. */
async function inspect(page: Page, name: string): Promise<void> {
  await page.evaluate(axe);
  for (const colorScheme of ['dark', 'light'] as const) {
    await page.emulateMedia({ colorScheme, reducedMotion: 'reduce' });
    for (const language of ['zh', 'en']) {
      await page.locator('header select').selectOption(language);
      const broken = await page.evaluate(async () => {
        const { violations } = await (
          globalThis as unknown as {
            axe: { run(): Promise<{ violations: { id: string; nodes: { html: string }[] }[] }> };
          }
        ).axe.run();
        return violations.map(({ id, nodes }) => `${id}: ${nodes.map(({ html }) => html).join(' ')}`);
      });
      expect(broken, `${name}, ${colorScheme}, ${language}`).toEqual([]);
    }
  }
  mkdirSync(SHOTS, { recursive: true });
  for (const size of WIDTHS) {
    await page.setViewportSize(size);
    const width = await page.evaluate(() => document.documentElement.scrollWidth);
    expect(width, `${name} at ${size.width}`).toBeLessThanOrEqual(size.width);
    await page.screenshot({ path: `${SHOTS}/${name}-${size.width}.png` });
  }
}

/** On a narrow screen too, values stand below each other beside their names, with room for words. */
async function expectColumns(page: Page): Promise<void> {
  await page.setViewportSize({ width: 360, height: 740 });
  const boxes = await page
    .locator('dl')
    .first()
    .locator('dd')
    .evaluateAll((values) => values.map((value) => value.getBoundingClientRect()));
  expect(boxes.length).toBeGreaterThan(3);
  expect(new Set(boxes.map(({ x }) => x)).size).toBe(1);
  for (const { width } of boxes) expect(width).toBeGreaterThan(120);
}

/** By keyboard alone. */
async function press(page: Page, name: string): Promise<void> {
  const button = page.getByRole('button', { name, exact: true });
  await button.focus();
  await page.keyboard.press('Enter');
}

inChromium('the page of a participant', (chromium) => {
  test('leads from the link to training and out again, and shows hostile names as text', async () => {
    const site = await chromium.serve(await bundle(new URL('./participant-page.tsx', import.meta.url)));
    const opened = await chromium.open(site.url);
    const { page } = opened;
    const elsewhere: string[] = [];
    page.on('request', (request) => {
      if (!request.url().startsWith(site.url) && !request.url().startsWith('data:'))
        elsewhere.push(request.url());
    });
    await page.getByLabel('Invite link').fill('expired');
    await page.keyboard.press('Enter');
    await page.getByRole('alert').waitFor();
    expect(await page.getByRole('alert').innerText()).toContain('inviteExpired');
    await inspect(page, 'problem');
    await expectColumns(page);
    await press(page, 'Back');

    await page.getByLabel('Invite link').fill('good');
    await page.keyboard.press('Enter');
    await page.getByLabel('Name of this node').waitFor();
    await inspect(page, 'join');
    await page.getByLabel('Name of this node').fill('tab');
    await page.keyboard.press('Enter');

    await press(page, 'Show what is in it');
    await page.getByRole('button', { name: 'Use these data' }).waitFor();
    expect(await page.locator('h3').innerText()).toContain('<img src=x');
    await inspect(page, 'data');
    await press(page, 'Use these data');

    await page.getByRole('button', { name: 'I agree, begin' }).waitFor();
    // What is agreed to is more than the jobs that are shown.
    await page.getByText('jobs that come later are trained too').waitFor({ timeout: 10_000 });
    await inspect(page, 'consent');
    await page.getByLabel('Only for the purposes above').check();
    await page.getByText('epsilon 0.5 was spent before, and 3.25 is left').waitFor({ timeout: 10_000 });
    await page.getByLabel('Epsilon').fill('5');
    await press(page, 'I agree, begin');

    await page.getByRole('button', { name: 'Send it', exact: true }).waitFor();
    await inspect(page, 'egress');
    await expectColumns(page);
    await press(page, 'Send it');
    await page.getByText('Updates that were sent').waitFor();
    for (const summary of await page.locator('summary').all()) await summary.click();
    await page.getByText('Up to 2 rounds').waitFor();
    await page.getByText('epsilon 1.25 of 5 spent, 2.5 left, at delta 0.000001').waitFor({ timeout: 10_000 });
    await inspect(page, 'live');
    await press(page, 'Leave and delete the key and all that is stored here');
    await page.getByText('You have left').waitFor();
    await inspect(page, 'left');

    const entry = entryOf<typeof import('./participant-page.tsx')>(opened);
    expect(await entry.told()).toEqual([
      'purposes 1',
      '{"epsilon":5,"delta":0.000001,"unit":"participant"}',
      'true',
      'forget true',
    ]);
    expect(await page.title()).toMatch(/^Hanse: /);
    expect(await page.locator('img').count()).toBe(0);
    expect(elsewhere).toEqual([]);
  });
});
