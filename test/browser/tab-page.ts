/** What a tab keeps, locks and reads, with the IndexedDB, Web Locks, file system, decoders and WebCrypto of a browser. */
import './node-in-page/buffer.ts';
import '../client/web/files/csv-table.test.ts';
import '../client/web/files/read-selection.test.ts';
import '../client/web/tab-key.test.ts';
import '../client/web/tab-ledger.test.ts';
import { primitives } from '#primitives';
import type { PrivacyLedger } from '../../client/privacy-ledger.ts';
import { decodeImage } from '../../client/web/files/decode-image.ts';
import { identityTurn } from '../../client/web/identity-turn.ts';
import { openIndexedDbStore } from '../../client/web/indexed-db-store.ts';
import { opfsModels } from '../../client/web/opfs-models.ts';
import { makeTabKey, parseTabKey, signerOf } from '../../client/web/tab-key.ts';
import { openTabLedger } from '../../client/web/tab-ledger.ts';
import { toHex } from '../../protocol/bytes.ts';
import { systemClock } from '../../protocol/primitives/system-clock.ts';
import { HanseError } from '../../protocol/problem.ts';
import { tabStoreFaults } from '../contract/tab-store.ts';
import { budgetFor, reservationOf, useIdOf } from '../fixtures/ledger-records.ts';
import { type PageResult, runAll } from './vitest-in-page.ts';

export function suites(): Promise<PageResult[]> {
  return runAll();
}

export function storeFaults(): Promise<string[]> {
  return tabStoreFaults(() => openIndexedDbStore(indexedDB, 'contract'));
}

/** Makes a key, or finds it again: a key that cannot be read survives in IndexedDB, and signs as before. */
export async function keyOfTab(): Promise<{ kind: string; publicKey: string; isReadable: boolean }> {
  const store = await openIndexedDbStore(indexedDB, 'keys');
  const kept = await store.read('key');
  const key = kept === undefined ? await makeTabKey() : parseTabKey(kept);
  if (kept === undefined) await store.write('key', key);
  const signer = await signerOf(key);
  const message = Uint8Array.of(1, 2, 3);
  if (!(await primitives.verify(await signer.sign(message), message, signer.publicKey)))
    throw new Error('the signature does not hold');
  const isReadable =
    key.kind === 'browser' &&
    (await crypto.subtle.exportKey('pkcs8', key.privateKey).then(
      () => true,
      () => false,
    ));
  return { kind: key.kind, publicKey: toHex(signer.publicKey), isReadable };
}

/** Writes until there is no room. @returns the code of the problem, and whether what was there before still is */
export async function fillStorage(bytes: number): Promise<{ code: string; isKept: boolean }> {
  const store = await openIndexedDbStore(indexedDB, 'small');
  await store.write('precious', 1);
  const code = await store.write('large', new Uint8Array(bytes)).then(
    () => 'nothing',
    (error: unknown) => (error instanceof HanseError ? error.code : String(error)),
  );
  return { code, isKept: (await store.read('precious')) === 1 };
}

/** Takes the turn of a node and keeps it. */
export async function takeTurn(nodeId: string): Promise<void> {
  await identityTurn(navigator.locks, nodeId, new AbortController().signal, () => {});
}

let waits: 'no' | 'waiting' | 'had' = 'no';

export function waitForTurn(nodeId: string): void {
  const turn = identityTurn(navigator.locks, nodeId, new AbortController().signal, () => {
    waits = 'waiting';
  });
  void turn.then(() => {
    waits = 'had';
  });
}

export function turn(): string {
  return waits;
}

let ledger: Promise<PrivacyLedger> | undefined;

/** The ledger in IndexedDB, opened once a load of the page; what it says of a promise of so many rounds to job n. */
export async function reserved(n: number, rounds: number): Promise<string> {
  ledger ??= openIndexedDbStore(indexedDB, 'ledger').then((store) => openTabLedger(store, systemClock));
  const opened = await ledger;
  await opened.setBudget(budgetFor());
  return opened.reserve(reservationOf(n, { rounds })).then(
    (isNews) => (isNews ? 'reserved' : 'known'),
    (error: unknown) => (error instanceof HanseError ? error.message : String(error)),
  );
}

/** Draws for an attempt of job n. @returns what all have drawn, and whether this one was news */
export async function drawn(n: number, round: number): Promise<{ draws: number[]; isNews: boolean }> {
  if (!ledger) throw new Error('nothing was reserved');
  const opened = await ledger;
  const isNews = await opened.draw({ useId: useIdOf(n), round, attempt: 1 });
  return { draws: (await opened.view()).uses().map(({ draws }) => draws), isNews };
}

/** Fetches the same model twice by its hash. @returns how often it was asked of the coordinator */
export async function modelFetches(isKept: boolean): Promise<{ fetched: number; names: string[] }> {
  const models = opfsModels(() => navigator.storage.getDirectory());
  const content = Uint8Array.of(1, 2, 3);
  const sha256 = toHex(await primitives.sha256(content));
  let fetched = 0;
  const api = {
    call: async () => {
      fetched += 1;
      return content;
    },
  } as never;
  const line = isKept ? models.around(api) : (api as ReturnType<typeof models.around>);
  for (let i = 0; i < 2; i += 1) await line.call('getBlob', { params: { sha256 } });
  const names: string[] = [];
  const root = await navigator.storage.getDirectory();
  for await (const name of root.keys()) names.push(name);
  await models.forget();
  return { fetched, names };
}

/** A picture, red on the left and blue on the right, as a file of this type. @returns its pixels at half the size */
export async function decoded(type: string): Promise<number[]> {
  const canvas = new OffscreenCanvas(8, 8);
  const context = canvas.getContext('2d');
  if (!context) throw new Error('nothing to draw on');
  context.fillStyle = '#f00';
  context.fillRect(0, 0, 4, 8);
  context.fillStyle = '#00f';
  context.fillRect(4, 0, 4, 8);
  const file = new File([await canvas.convertToBlob({ type })], 'picture');
  return Array.from(await decodeImage(file, 4, 4));
}

/** What comes of a file that is no picture. */
export function decodedText(): Promise<string> {
  return decodeImage(new File(['no picture'], 'a.png'), 4, 4).then(
    () => 'nothing',
    (error: unknown) => String(error),
  );
}
