// covers: client/web/indexed-db-store.ts, client/web/files/decode-image.ts
import { beforeAll, expect, test } from 'vitest';
import { entryOf } from '../../sim/browser/page-entry.ts';
import { bundle } from './bundle.ts';
import { inChromium, type OpenedPage } from './chromium.ts';

inChromium('a tab in a browser', (chromium) => {
  let url: string;
  beforeAll(async () => {
    ({ url } = await chromium.serve(await bundle(new URL('./tab-page.ts', import.meta.url))));
  });
  const entry = (opened: OpenedPage) => entryOf<typeof import('./tab-page.ts')>(opened);
  const open = async () => entry(await chromium.open(url));

  test('reads files and makes keys as in Node', async () => {
    const results = await (await open()).suites();
    expect(results.filter(({ outcome }) => outcome === 'failed')).toEqual([]);
    expect(results.filter(({ outcome }) => outcome === 'passed').length).toBeGreaterThan(20);
  });

  test('IndexedDB keeps the contract of a store', async () => {
    expect(await (await open()).storeFaults()).toEqual([]);
  });

  test('a key that nobody can read is there after a reload', async () => {
    const opened = await chromium.open(url);
    const made = await entry(opened).keyOfTab();
    expect(made).toMatchObject({ kind: 'browser', isReadable: false });
    await opened.page.reload();
    expect(await entry(opened).keyOfTab()).toEqual(made);
    // Another profile is another person.
    expect((await (await open()).keyOfTab()).publicKey).not.toBe(made.publicKey);
  });

  test('a storage that is full says so, and keeps what it has', async () => {
    expect(await (await open()).fillStorage(20_000_000)).toEqual({ code: 'nothing', isKept: true });
    const opened = await chromium.open(url);
    const session = await opened.page.context().newCDPSession(opened.page);
    await session.send('Storage.overrideQuotaForOrigin', { origin: new URL(url).origin, quotaSize: 100_000 });
    expect(await entry(opened).fillStorage(20_000_000)).toEqual({ code: 'browserStorageFull', isKept: true });
  });

  test('the second tab of a profile has its turn when the first is closed', async () => {
    const profile = await chromium.profile();
    const [first, second] = [await chromium.open(url, profile), await chromium.open(url, profile)];
    await entry(first).takeTurn('node');
    await entry(second).waitForTurn('node');
    await expect.poll(() => entry(second).turn()).toBe('waiting');
    await entry(second).waitForTurn('another');
    await expect.poll(() => entry(second).turn()).toBe('had');
    await entry(second).waitForTurn('node');
    await expect.poll(() => entry(second).turn()).toBe('waiting');
    await first.page.close();
    await expect.poll(() => entry(second).turn()).toBe('had');
  });

  test('what was drawn of a privacy budget is spent after a reload, and in the tab that follows', async () => {
    const profile = await chromium.profile();
    const [first, second] = [await chromium.open(url, profile), await chromium.open(url, profile)];
    await entry(first).takeTurn('owner');
    expect(await entry(first).reserved(1, 10)).toBe('reserved');
    expect(await entry(first).drawn(1, 1)).toEqual({ draws: [1], isNews: true });
    await first.page.reload();
    await entry(first).takeTurn('owner');
    expect(await entry(first).reserved(1, 10)).toBe('known');
    expect(await entry(first).drawn(1, 1)).toEqual({ draws: [1], isNews: false });
    await entry(second).waitForTurn('owner');
    await expect.poll(() => entry(second).turn()).toBe('waiting');
    expect(await entry(first).drawn(1, 2)).toEqual({ draws: [2], isNews: true });
    await first.page.close();
    await expect.poll(() => entry(second).turn()).toBe('had');
    expect(await entry(second).reserved(2, 1000)).toMatch(
      /^The privacy budget .* budget 2; delta 0\.00001; spent 0\.\d+; spentAndReserved 0\.\d+; asked \d/,
    );
    expect(await entry(second).reserved(2, 10)).toBe('reserved');
    expect(await entry(second).drawn(2, 1)).toEqual({ draws: [2, 1], isNews: true });
  });

  test('of two tabs that do not take turns, the one that comes later spends nothing', async () => {
    const profile = await chromium.profile();
    const [first, second] = [await chromium.open(url, profile), await chromium.open(url, profile)];
    expect(await entry(first).reserved(1, 10)).toBe('reserved');
    expect(await entry(second).reserved(1, 10)).toBe('known');
    expect(await entry(second).drawn(1, 1)).toEqual({ draws: [1], isNews: true });
    await expect(entry(first).drawn(1, 1)).rejects.toThrow('runs with this identity');
    await second.page.reload();
    expect(await entry(second).reserved(1, 10)).toBe('known');
    expect(await entry(second).drawn(1, 2)).toEqual({ draws: [2], isNews: true });
  });

  test('models are kept in the file system of the origin only where that is wanted', async () => {
    const page = await open();
    expect(await page.modelFetches(false)).toEqual({ fetched: 2, names: [] });
    expect(await page.modelFetches(true)).toEqual({ fetched: 1, names: ['hanse-models'] });
    expect(await page.modelFetches(false)).toEqual({ fetched: 2, names: [] });
  });

  test.each(['image/png', 'image/webp', 'image/jpeg'])(
    '%s becomes pixels of the size asked for',
    async (type) => {
      const pixels = await (await open()).decoded(type);
      expect(pixels).toHaveLength(4 * 4 * 4);
      const [left, right] = [pixels.slice(0, 4), pixels.slice(12, 16)];
      const isNear = (got: number[], wanted: number[]) =>
        got.every((value, i) => Math.abs(value - (wanted[i] ?? 0)) < 16);
      expect(isNear(left, [255, 0, 0, 255]), `${left}`).toBe(true);
      expect(isNear(right, [0, 0, 255, 255]), `${right}`).toBe(true);
    },
  );

  test('what is no picture is none', async () => {
    expect(await (await open()).decodedText()).toContain('InvalidStateError');
  });
});
