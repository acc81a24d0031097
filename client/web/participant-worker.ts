/**
 * The entry of the worker in which a tab's participant lives: what a browser offers, handed to `tab-participant.ts`, and
 * that to the page by comlink.
 */
import { expose } from 'comlink';
import { candidates } from '#primitives';
import { systemClock } from '../../protocol/primitives/system-clock.ts';
import { fetchExchange } from '../exchange.ts';
import { decodeImage } from './files/decode-image.ts';
import { readSelection } from './files/read-selection.ts';
import { openIndexedDbStore } from './indexed-db-store.ts';
import { fetchMnistSample } from './mnist-sample.ts';
import { opfsModels } from './opfs-models.ts';
import { installProblemTransfer } from './problem-transfer.ts';
import { TabParticipant } from './tab-participant.ts';

/** More threads than this gain nothing on the models that a tab trains. */
const THREADS_MAX = 4;

installProblemTransfer();

const { locks } = navigator;
const readers = { decode: decodeImage, sample: () => fetchMnistSample(location.origin) };

expose(
  new TabParticipant({
    openStore: () => openIndexedDbStore(),
    clock: systemClock,
    exchange: fetchExchange,
    candidates,
    origin: location.origin,
    providers: async () => (await import('../engine/web-providers.ts')).WEB_PROVIDERS,
    threads: crossOriginIsolated ? Math.min(THREADS_MAX, navigator.hardwareConcurrency || 1) : 1,
    elapsed: () => performance.now(),
    isOnline: () => navigator.onLine,
    ...(locks && { locks }),
    readData: (selection, full, progress) => readSelection(selection, full, progress, readers),
    models: opfsModels(() => navigator.storage.getDirectory()),
  }),
);
