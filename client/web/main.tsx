/** The page of a participant: starts the worker in which it lives, and shows what that says. */
import { proxy, wrap } from 'comlink';
import { render } from 'preact';
import '@picocss/pico/css/pico.min.css';
import './style.css';
import { PageState } from './page-state.ts';
import { App } from './views/app.tsx';
import type { ParticipantWorker } from './worker-api.ts';

// Found by pattern: the page can be built and looked at without the participant.
const [Participant] = Object.values(
  import.meta.glob<new () => Worker>('./participant-worker.ts', {
    eager: true,
    query: '?worker',
    import: 'default',
  }),
);
const [install] = Object.values(
  import.meta.glob<() => void>('./problem-transfer.ts', { eager: true, import: 'installProblemTransfer' }),
);
install?.();
const worker = Participant ? wrap<ParticipantWorker>(new Participant()) : undefined;
const state = new PageState(worker as unknown as ParticipantWorker, proxy);
const root = document.getElementById('app');
if (root) render(<App state={state} />, root);
state.start(location.hash.length > 1 ? location.href : '');
