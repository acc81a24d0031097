/**
 * How long a person who opens an invite link waits until the form can be filled in: over loopback, in a browser that runs
 * already, with an empty cache.
 *
 * Baseline: an empty page under the same headers, in the same browser.
 */
import { EMPTY_PAGE } from '../../browser/bundle-page.ts';
import { serveSite } from '../../browser/site.ts';
import { withBrowser, withFreshPage } from '../bench-browser.ts';
import type { RowDefinition } from '../row.ts';
import { withTabFederation } from '../tab-federation.ts';
import { usableAfter } from '../usable-after.ts';

const RUNS = 11;
/** The name can be typed, and the button beside it pressed. */
export const FORM = 'form:has(button[type="submit"]:enabled) input[name="name"]:enabled';

export const browserInteractive: RowDefinition = {
  name: 'browser/interactive',
  unit: 's',
  what: 'wall time from navigation to an invite link until its form can be used, empty cache; baseline: an empty page',
  asked: [{ of: 'value', atMost: 1.5 }],
  measure: () =>
    withBrowser((browser) =>
      withTabFederation(async ({ invite }) => {
        const site = await serveSite(
          new Map([['index.html', new TextEncoder().encode(`${EMPTY_PAGE}<p>-</p>`)]]),
        );
        try {
          const link = await invite(); // to look at it does not spend it
          const values: number[] = [];
          const baselines: number[] = [];
          for (let run = 0; run <= RUNS; run += 1) {
            const one = await withFreshPage(browser, (page) => usableAfter(page, link, FORM));
            const other = await withFreshPage(browser, (page) => usableAfter(page, site.url, 'p'));
            if (run === 0) continue; // the first page of a browser waits for more than itself
            values.push(one);
            baselines.push(other);
          }
          return { values, baselines };
        } finally {
          await site.close();
        }
      }),
    ),
};
