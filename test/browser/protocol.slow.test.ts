import { beforeAll, expect, test } from 'vitest';
import { decideParticipation } from '../../protocol/exchange/participation.ts';
import { readSignature } from '../../protocol/http-signature.ts';
import { entryOf } from '../../sim/browser/page-entry.ts';
import type { Site } from '../../sim/browser/site.ts';
import { CedarTwin } from '../fixtures/cedar-twin.ts';
import { sampleWorlds } from '../fixtures/participation-worlds.ts';
import sparse from '../vectors/secagg/sparse.json' with { type: 'json' };
import { bundle } from './bundle.ts';
import { inChromium } from './chromium.ts';

type Entry = typeof import('./protocol-page.ts');

inChromium('the protocol in a browser', (chromium) => {
  let site: Site;
  beforeAll(async () => {
    site = await chromium.serve(await bundle(new URL('./protocol-page.ts', import.meta.url)));
  });

  test('its suites and known answers hold as in Node', { timeout: 180_000 }, async () => {
    const results = await entryOf<Entry>(await chromium.open(site.url)).suites();
    expect(results.filter(({ outcome }) => outcome === 'failed')).toEqual([]);
    expect(results.filter(({ outcome }) => outcome === 'passed').length).toBeGreaterThan(100);
  });

  test('an attempt of many with few neighbours each has the same messages', {
    timeout: 180_000,
  }, async () => {
    expect(await entryOf<Entry>(await chromium.open(site.url)).sparseTranscript()).toEqual(sparse);
  });

  test('a policy decides there as it does here, and as Cedar does', async () => {
    const entry = entryOf<Entry>(await chromium.open(site.url));
    const there = await entry.participations(9, 300);
    const worlds = sampleWorlds(9, 300);
    expect(there).toEqual(worlds.map((world) => decideParticipation(...world)));
    const cedar = worlds.map(([word, ...asked]) => new CedarTwin(word).decide(...asked).type);
    expect(there.map(({ type }) => type)).toEqual(cedar);
    expect(new Set(cedar).size).toBe(3);
  });

  test('its self-test finds both suites, and a ChaCha20 of WebAssembly beside that of @noble', async () => {
    const report = await entryOf<Entry>(await chromium.open(site.url)).selfTested();
    expect(report.suites).toEqual([1, 2]);
    expect(
      report.keyStreams.map(({ name, implementation, isCorrect }) => [name, implementation, isCorrect]),
    ).toEqual([
      ['aes-256-ctr', 'WebCrypto', true],
      ['aes-256-ctr', '@noble', true],
      ['chacha20', 'WebAssembly', true],
      ['chacha20', '@noble', true],
    ]);
  });

  test('a request that is signed there is read here, and WebCrypto knows the signature', async () => {
    const entry = entryOf<Entry>(await chromium.open(site.url));
    const { headers, publicKey, isVerified } = await entry.signed('07'.repeat(32), 1_767_268_800);
    expect(isVerified).toBe(true);
    const key = Uint8Array.from(publicKey);
    const read = (target: string) => readSignature('PUT', target, headers, true, 1_767_268_801).verify(key);
    await expect(read('/v1/tasks')).resolves.not.toThrow();
    await expect(read('/v1/jobs')).rejects.toMatchObject({ code: 'signatureInvalid' });
  });
});
