/** The page of a participant with a worker that answers from a script. */
import { render } from 'preact';
import '@picocss/pico/css/pico.min.css';
import '../../client/web/style.css';
import { PageState } from '../../client/web/page-state.ts';
import type { TabEvent } from '../../client/web/tab-event.ts';
import { App } from '../../client/web/views/app.tsx';
import type { ParticipantWorker } from '../../client/web/worker-api.ts';
import { HanseError } from '../../protocol/problem.ts';

export const HOSTILE = '<img src=x onerror="document.title=\'broken\'"><script>1</script>';
const histogram = { least: -1, greatest: 1, counts: [1, 4, 9, 4, 1] };
const egress = {
  ...{
    jobId: 'j',
    jobName: HOSTILE,
    round: 1,
    attempt: 1,
    bytes: 1234,
    norm: 2,
    clipNorm: 1,
    isClipped: true,
  },
  ...{ parameters: 19, before: histogram, clipped: histogram, quantised: histogram, step: 0.001 },
  visibleAs: 'sum' as const,
};
const ids = {
  organisationId: 'a.example',
  federationId: 'f',
  server: 'https://a.example',
  role: 'participant' as const,
};
const preview = {
  ...{ name: HOSTILE, rows: 8, bytes: 2048, inputShape: [2], targetShape: [], sample: [[HOSTILE, '1']] },
  columns: [{ name: HOSTILE, type: 'number' as const, missing: 0, isLabel: false }],
  labels: [{ label: HOSTILE, count: 8 }],
  notes: [{ type: 'encoding' as const, encoding: 'gbk', isGuess: true }],
};
const events: TabEvent[] = [
  { type: 'training', jobId: 'j', round: 1, step: 1, steps: 2, loss: 2 },
  { type: 'training', jobId: 'j', round: 1, step: 2, steps: 2, loss: 1 },
  { type: 'contributed', jobId: 'j', round: 1, lossFirst: 2, lossLast: 1, egress },
  {
    type: 'budget',
    state: { epsilon: 5, delta: 1e-6, unit: 'participant', spent: 1.25, left: 2.5 },
  },
  { type: 'released', jobId: 'j', round: 1, accuracy: 0.5, loss: 1 },
  { type: 'problem', code: 'overloaded', message: HOSTILE, remedy: 'wait' },
];
const engine = {
  provider: 'wasm' as const,
  threads: 1,
  reason: 'scripted',
  warmUpMs: 1,
  selfTest: { keyStreams: [], primitives: [], suites: [] },
};
const answers: string[] = [];

const worker: ParticipantWorker = {
  resume: async () => undefined,
  readInvite: async (link) => {
    if (link.includes('expired')) throw new HanseError('inviteExpired', { expiresAt: HOSTILE } as never);
    return ids;
  },
  enrol: async (_link, { name }) => ({ ...ids, nodeId: 'n', name, keyKind: 'sealed' }),
  prepareEngine: async () => engine,
  preview: async () => preview,
  load: async (_selection, progress) => {
    progress(0.5);
    return preview;
  },
  describe: async () => ({
    rows: 8,
    budget: { epsilon: 4, delta: 1e-6, unit: 'participant', spent: 0.5, left: 3.25 },
    jobs: [
      {
        ...{ jobId: 'j', name: HOSTILE, purpose: HOSTILE, rounds: 2, parameters: 19, updateBytes: 100 },
        ...{ clipNorm: 1, privacyUnit: 'none', visibleAs: 'sum' },
      },
    ],
  }),
  participate: async ({ purposes, budget }, observe, inspect) => {
    answers.push(`purposes ${purposes?.length ?? 'any'}`);
    answers.push(JSON.stringify(budget));
    answers.push(String(await inspect(egress)));
    for (const event of events) observe(event);
    await new Promise(() => {});
  },
  pause: async () => {},
  leave: async ({ forget }) => {
    answers.push(`forget ${forget}`);
  },
};

const place = document.body.appendChild(document.createElement('div'));
const state = new PageState(worker, (called) => called);
render(<App state={state} />, place);
state.start('');

/** What the person decided, as the worker was told. */
export const told = () => answers;
