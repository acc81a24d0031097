/**
 * A participant in a tab, led through the page as a person would go: link, data, consent. What it then does is read from
 * the page, as a person would.
 */
import type { BrowserContext, Locator, Page } from 'playwright-core';
import { EN } from '../../client/web/texts/en.ts';
import type { DataBudget } from '../../schemas/node-config.ts';
import type { IdxShard } from './idx-shard.ts';

/** Files that a person chooses, or the digits that the coordinator serves beside its page. */
export type TabData = 'sample' | { readonly idx: IdxShard } | { readonly csv: Uint8Array };

export interface TabChoices {
  readonly name: string;
  readonly data: TabData;
  /** The person takes part also where the coordinator sees each update. */
  readonly allowPlain?: boolean;
  /** The person wants to see each update before it is sent. */
  readonly inspectEach?: boolean;
  /** Of the data; absent: what the page offers. */
  readonly budget?: Pick<DataBudget, 'epsilon' | 'delta'>;
}

/** A tab at its invite link: the first page that a person sees. */
export async function openLink(context: BrowserContext, link: string): Promise<Page> {
  const page = await context.newPage();
  await page.goto(link);
  return page;
}

/** From the invite to training. Resolves when the page takes part, as far as a person can see. */
export async function joinInTab(page: Page, choices: TabChoices): Promise<void> {
  await enrolInTab(page, choices.name);
  await chooseData(page, choices.data);
  await agree(page, choices);
}

/** At an invite link; resolves when the page asks for data. */
export async function enrolInTab(page: Page, name: string): Promise<void> {
  await page.getByLabel(EN.join.name).fill(name);
  await press(page, EN.join.enrol);
  await page.getByRole('heading', { name: EN.data.heading }).waitFor();
}

/** Looks at the data and takes them; what the page makes of them is not waited for. */
export async function chooseData(page: Page, data: TabData): Promise<void> {
  if (data !== 'sample') {
    await page.getByLabel(EN.data.kind).selectOption('idx' in data ? 'idx' : 'csv');
    const files: readonly (readonly [label: string, bytes: Uint8Array])[] =
      'idx' in data
        ? [
            [EN.data.imagesFile, data.idx.images],
            [EN.data.labelsFile, data.idx.labels],
          ]
        : [[EN.data.file, data.csv]];
    for (const [label, bytes] of files)
      await page.getByLabel(label, { exact: true }).setInputFiles(fileOf(label, bytes));
  }
  await press(page, EN.data.preview);
  await press(page, EN.data.use);
}

/** The engine is chosen and warmed up before the person is asked: shaders may be compiled in software. */
export async function agree(
  page: Page,
  {
    allowPlain = false,
    inspectEach = false,
    budget,
  }: Pick<TabChoices, 'allowPlain' | 'inspectEach' | 'budget'>,
): Promise<void> {
  const inspect = page.getByLabel(EN.consent.inspectEach);
  await inspect.waitFor({ timeout: 120_000 });
  if (allowPlain) await page.getByLabel(EN.consent.allowPlain).check();
  if (inspectEach) await inspect.check();
  if (budget) {
    await page.getByLabel(EN.budget.epsilon, { exact: true }).fill(`${budget.epsilon}`);
    await page.getByLabel(EN.budget.delta, { exact: true }).fill(`${budget.delta}`);
  }
  await press(page, EN.consent.agree);
  await page.getByRole('heading', { name: EN.live.heading }).waitFor();
}

/** The line that says what the tab is doing, once it takes part. */
export function doingIn(page: Page): Locator {
  return page.locator('main p[aria-live]');
}

/** @param name of a button, whole */
export async function press(page: Page, name: string): Promise<void> {
  await page.getByRole('button', { name, exact: true }).click();
}

function fileOf(name: string, bytes: Uint8Array) {
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  return { name, mimeType: 'application/octet-stream', buffer };
}
