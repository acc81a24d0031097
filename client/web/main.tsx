/** The page of a participant: starts the worker in which it lives, and shows what that says. */
import { proxy, wrap } from 'comlink';
import { render } from 'preact';
import '@picocss/pico/css/pico.min.css';
import './style.css';
import { PageState } from './page-state.ts';
import { installProblemTransfer } from './problem-transfer.ts';
import { App } from './views/app.tsx';
import type { ParticipantWorker } from './worker-api.ts';

installProblemTransfer();
const worker = new Worker(new URL('./participant-worker.ts', import.meta.url), { type: 'module' });
const state = new PageState(wrap<ParticipantWorker>(worker) as unknown as ParticipantWorker, proxy);
const watchOnline = () => {
  state.isOnline.value = navigator.onLine;
};
addEventListener('online', watchOnline);
addEventListener('offline', watchOnline);
watchOnline();
const root = document.getElementById('app');
if (root) render(<App state={state} />, root);
const link = () => (location.hash.length > 1 ? location.href : '');
// Another invite in the same tab changes the part after # alone, for which nothing is loaded anew.
addEventListener('hashchange', () => state.follow(link()));
state.start(link());
