/** Participants of the demo as tabs of a headless browser, led through the coordinator's page as a person would go. */
import type { Browser } from 'playwright-core';
import { loadMnist } from '../../client/data/mnist.ts';
import { EN } from '../../client/web/texts/en.ts';
import type { FoundChromium } from '../browser/find-chromium.ts';
import { idxShard } from '../browser/idx-shard.ts';
import { launchChromium, newProfile } from '../browser/launch-chromium.ts';
import { doingIn, joinInTab, openLink, type TabChoices } from '../browser/tab-node.ts';
import type { DemoPart } from './demo-parts.ts';
import type { Running } from './running.ts';

/** How often a tab is looked at. */
const LOOK_MS = 500;
/** The last words of a member that leaves are worth a moment. */
const LEAVE_MS = 1000;

/**
 * Resolves when all of them take part.
 * @param links one for each part
 * @param consent what each person permits
 * @param running receives the browser as soon as it runs
 * @param changed called when there is something new to see of a participant
 */
export async function startTabs(
  chromium: FoundChromium,
  links: readonly string[],
  parts: readonly DemoPart[],
  consent: Pick<TabChoices, 'allowPlain' | 'budget'>,
  running: Running[],
  changed: () => void,
): Promise<void> {
  const browser = await launchChromium(chromium);
  const leaving: (() => Promise<void>)[] = [];
  running.push({
    stop: async () => {
      await Promise.all(leaving.map((leave) => leave().catch(() => {}))); // it has crashed: there is nobody to leave
      await browser.close();
    },
  });
  await Promise.all(
    parts.map(async (part, i) =>
      leaving.push(await startTab(browser, links[i] ?? '', part, consent, changed)),
    ),
  );
}

/** @returns what makes the participant leave */
async function startTab(
  browser: Browser,
  link: string,
  part: DemoPart,
  consent: Pick<TabChoices, 'allowPlain' | 'budget'>,
  changed: () => void,
): Promise<() => Promise<void>> {
  const data = { idx: idxShard(await loadMnist('train', part.rows)) };
  const page = await openLink(await newProfile(browser), link);
  const show = (state: string) => {
    if (part.state === state) return;
    part.state = state;
    changed();
  };
  page.once('crash', () => show('lost'));
  await joinInTab(page, { name: part.name, data, ...consent });
  const look = () =>
    void doingIn(page)
      .innerText()
      .then(show, () => {}); // a page that has closed has no text
  const timer = setInterval(look, LOOK_MS);
  return async () => {
    clearInterval(timer);
    await page.getByRole('button', { name: EN.live.leave, exact: true }).click({ timeout: LEAVE_MS });
  };
}
