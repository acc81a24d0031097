// covers: sim/browser/tab-node.ts, sim/browser/launch-chromium.ts, client/web/participant-worker.ts
/**
 * Tabs of a real browser as participants of a real federation: they train with processes of Node to the same model, are
 * closed in the middle of a round, come back as who they were, and wait for each other and for the network.
 */
import type { Browser, BrowserContext, Page } from 'playwright-core';
import { afterAll, afterEach, beforeAll, describe, expect, inject, onTestFinished, test } from 'vitest';
import { fetchModel } from '../../client/prepared-job.ts';
import { EN } from '../../client/web/texts/en.ts';
import type { JobStatus } from '../../schemas/job.ts';
import { launchChromium, newProfile } from '../../sim/browser/launch-chromium.ts';
import {
  agree,
  chooseData,
  doingIn,
  enrolInTab,
  joinInTab,
  openLink,
  press,
} from '../../sim/browser/tab-node.ts';
import { largestDifference } from '../fixtures/largest-difference.ts';
import { FaultyProxy } from './faulty-proxy.ts';
import { isBuilt } from './hanse-process.ts';
import { SmallFederation, smallPlan, tableOf } from './small-federation.ts';

const found = inject('chromium');
const missing = 'missing' in found ? found.missing : isBuilt ? undefined : 'the build is missing';
/** Three tabs that compile shaders in software, on two cores that have other things to do. */
const PATIENCE_MS = 120_000;
const ROWS = 32;

describe.skipIf(missing)(
  `tabs as participants${missing ? ` (skipped: ${missing})` : ''}`,
  { timeout: 3 * PATIENCE_MS },
  () => {
    let browser: Browser;
    /** Without WebGPU: what a tab does with its time is not the matter of most tests, and it begins sooner. */
    let plain: Browser;
    let federation: SmallFederation;
    const profiles: BrowserContext[] = [];

    beforeAll(async () => {
      if ('missing' in found) throw new Error(found.missing);
      [browser, plain] = await Promise.all([launchChromium(found), launchChromium(found, { webgpu: false })]);
    });
    afterAll(() => Promise.all([browser?.close(), plain?.close()]));
    afterEach(async () => {
      for (const profile of profiles.splice(0)) await profile.close();
      await federation?.end();
    });

    const profile = async (from: Browser = plain): Promise<BrowserContext> => {
      const made = await newProfile(from);
      made.setDefaultTimeout(PATIENCE_MS);
      profiles.push(made);
      return made;
    };
    const dataOf = (seed: number) => ({ csv: new TextEncoder().encode(tableOf(ROWS, seed)) });
    const tab = async (
      name: string,
      seed: number,
      { inspectEach = false, from = plain } = {},
    ): Promise<Page> => {
      const page = await openLink(await profile(from), await federation.invite('participant', name));
      await joinInTab(page, { name, data: dataOf(seed), allowPlain: true, inspectEach });
      return page;
    };
    const begin = async (serverFor?: (name: string) => string | undefined): Promise<void> => {
      federation = new SmallFederation({
        ...(serverFor && { serverFor }),
        // Processes come and go between these tests, and tabs witness nothing.
        serveArgs: ['--witness-policy', 'none'],
      });
      await federation.serve({ args: ['--liveness', '2'] });
    };
    /** All rows in one batch: their order, which is each participant's secret, changes nothing but the rounding. */
    const start = (size: number, minimum = size, collectSeconds = 120): Promise<string> => {
      const cohort = { size, minimum };
      const plan = smallPlan({
        rounds: 2,
        cohort,
        deadlines: { collectSeconds, evaluateSeconds: 120 },
        evaluateEvery: 0,
      });
      return federation.createJob(
        { ...plan, training: { ...plan.training, batchSize: ROWS } },
        async () => {},
      );
    };
    const trained = async (jobId: string): Promise<{ job: JobStatus; model: Float32Array }> => {
      const job = await federation.jobAtEnd(jobId, PATIENCE_MS);
      expect(job.phase).toBe('finished');
      return { job, model: await fetchModel(job.model, job.manifest.parameters, await federation.api()) };
    };
    const says = (page: Page, text: string) => doingIn(page).filter({ hasText: text }).waitFor();

    test('three of them and two processes agree with five processes', async () => {
      await begin();
      const seeds = [1, 2, 3, 4, 5];
      await Promise.all(seeds.map((seed) => federation.join(`node-${seed}`, 'participant', seed)));
      const alone = await trained(await start(5));
      for (const seed of seeds.slice(2)) await federation.nodes.get(`node-${seed}`)?.stop();

      const pages = await Promise.all(
        seeds.slice(2).map((seed) => tab(`tab-${seed}`, seed, { from: browser })),
      );
      const mixed = await trained(await start(5));
      expect(mixed.job.rounds.map(({ updates }) => updates)).toEqual([5, 5]);
      for (const page of pages) expect(await page.locator('main').innerText()).toContain('webgpu');
      const { members } = await (await federation.api()).call('listMembers', {});
      const providers = members
        .filter(({ name }) => name.startsWith('tab-'))
        .map((member) => member.capabilities);
      expect(providers.map((told) => told?.provider)).toEqual(['webgpu', 'webgpu', 'webgpu']);

      const { grid } = mixed.job.manifest.codec;
      expect(largestDifference(mixed.model, alone.model)).toBeLessThan(4 * grid);
      expect(largestDifference(mixed.model, new Float32Array(alone.model.length))).toBeGreaterThan(
        400 * grid,
      );
    });

    test('closed while its update waits to be sent, one is missed like any participant, and comes back as who it was', async () => {
      await begin();
      await federation.join('node', 'participant', 1);
      const page = await tab('tab', 2, { inspectEach: true });
      const context = page.context();
      const address = new URL('/', page.url()).href;
      const jobId = await start(2, 1, 6);
      await page.getByRole('button', { name: EN.egress.send, exact: true }).waitFor();
      await page.close();
      await federation.jobWhen(
        jobId,
        'a round without the tab',
        ({ rounds }) => rounds.length > 0,
        PATIENCE_MS,
      );

      const back = await context.newPage();
      await back.goto(address);
      await chooseData(back, dataOf(2));
      await agree(back, { allowPlain: true });
      const { job } = await trained(jobId);
      expect(job.rounds[0]?.updates).toBe(1);
      const both = await trained(await start(2));
      expect(both.job.rounds.map(({ updates }) => updates)).toEqual([2, 2]);
      const { members } = await (await federation.api()).call('listMembers', {});
      expect(members.filter(({ name }) => name === 'tab')).toHaveLength(1);
    });

    test('closed while its update is on its way, it answers that attempt no second time, and the next one again', async () => {
      await begin((name) => (name === 'tab' ? wire.url : undefined));
      const wire = await FaultyProxy.open(federation.port);
      onTestFinished(() => wire.close());
      await federation.join('node', 'participant', 1);
      const page = await tab('tab', 2);
      const context = page.context();
      const address = new URL('/', page.url()).href;
      // Cut beyond the browser, which may let a request go on that is held while its page is closed.
      const lost = new Promise<void>((resolve) => {
        wire.judge = ({ path, place }) => {
          if (place !== 'request' || !path.endsWith('/rounds/1/attempts/1/update')) return 'pass';
          resolve();
          return 'cut';
        };
      });
      const jobId = await start(2);
      await lost;
      await page.close();

      const back = await context.newPage();
      await back.goto(address);
      await chooseData(back, dataOf(2));
      await agree(back, { allowPlain: true });
      await back.getByText('taskAnswered').waitFor();
      const { job } = await trained(jobId);
      expect(job.rounds.slice(0, 2)).toMatchObject([
        { round: 1, attempt: 1, outcome: 'aborted', declined: { taskAnswered: 1 } },
        { round: 1, attempt: 2, outcome: 'released', updates: 2 },
      ]);
      const records = await federation.records();
      const accepted = records.filter(({ type }) => type === 'updateAccepted');
      const contexts = accepted.map(({ stream, data }) => {
        const { node, round, attempt } = data as { node: string; round: number; attempt: number };
        return `${stream} ${node} ${round} ${attempt}`;
      });
      expect(contexts).toHaveLength(5);
      expect(new Set(contexts).size).toBe(contexts.length);
    });

    test('a second one with the same identity waits until the first is gone', async () => {
      await begin();
      const first = await tab('tab', 1);
      const second = await first.context().newPage();
      await second.goto(new URL('/', first.url()).href);
      await chooseData(second, dataOf(1));
      await agree(second, { allowPlain: true });
      await says(second, EN.live.waiting.otherTab);
      const jobId = await start(1);
      await federation.jobAtEnd(jobId, PATIENCE_MS);
      await says(second, EN.live.waiting.otherTab);
      await first.close();
      await says(second, EN.live.waiting.work);
      await trained(await start(1));
    });

    test('says that there is no network, and goes on when there is, and when the coordinator is back', async () => {
      await begin();
      const page = await tab('tab', 1);
      await says(page, EN.live.waiting.work);
      await page.context().setOffline(true);
      await says(page, EN.live.waiting.offline);
      await page.context().setOffline(false);
      await says(page, EN.live.waiting.work);
      await federation.coordinator?.kill();
      await page.getByText('coordinatorUnreachable').first().waitFor();
      await federation.serve();
      await trained(await start(1));
      await says(page, EN.live.contributed(2));
    });

    test('another link in the same tab is the one that counts', async () => {
      await begin();
      const cut = await openLink(await profile(), (await federation.invite('participant')).slice(0, -20));
      await cut.getByRole('alert').filter({ hasText: 'invalidFormat' }).waitFor();
      await cut.goto(await federation.invite('participant'));
      await enrolInTab(cut, 'tab');
      expect(
        (await (await federation.api()).call('listMembers', {})).members.map(({ name }) => name),
      ).toContain('tab');
    });

    test('a member that was removed can delete what is stored, and join anew by another link', async () => {
      await begin();
      const page = await openLink(await profile(), await federation.invite('participant'));
      await enrolInTab(page, 'removed');
      const api = await federation.api();
      const { members } = await api.call('listMembers', {});
      const { nodeId = '' } = members.find(({ name }) => name === 'removed') ?? {};
      await api.call('revokeMember', { params: { nodeId }, body: { reason: 'left' } });
      await page.goto(await federation.invite('participant'));
      await page.reload();
      await chooseData(page, dataOf(1));
      await page.getByRole('alert').filter({ hasText: 'memberRevoked' }).waitFor();
      await press(page, EN.live.forget);
      await page.getByText(EN.live.left).waitFor();
      await page.reload();
      await joinInTab(page, { name: 'anew', data: dataOf(1), allowPlain: true });
      await trained(await start(1));
    });

    test('a link that has expired or was used is no way in', async () => {
      await begin();
      const enrol = async (link: string): Promise<Page> => {
        const page = await openLink(await profile(), link);
        await page.getByLabel(EN.join.name).fill('tab');
        await press(page, EN.join.enrol);
        return page;
      };
      const used = await federation.invite('participant');
      await (await enrol(used)).getByRole('heading', { name: EN.data.heading }).waitFor();
      expect(await (await enrol(used)).getByRole('alert').innerText()).toContain('inviteSpent');

      const short = await federation.invite('participant', '', 1);
      const expired = await openLink(await profile(), short);
      await expired.waitForTimeout(1100);
      await expired.getByLabel(EN.join.name).fill('tab');
      await press(expired, EN.join.enrol);
      expect(await expired.getByRole('alert').innerText()).toContain('inviteExpired');
    });
  },
);
