/**
 * The groups of rows, by the name under which `npm run bench -- <group>` runs them.
 */
import type { RowDefinition } from './row.ts';
import { calibrateEps1, pldEpsilon10000, rdpEpsilon10000 } from './rows/accountants.ts';
import { aggregatePlain } from './rows/aggregate.ts';
import { auditExport1M, auditFsck1M } from './rows/audit-checks.ts';
import { auditAppend, auditConsistency, auditInclusion } from './rows/audit-log.ts';
import { auditQuery1M } from './rows/audit-query.ts';
import { auditReport1M } from './rows/audit-report.ts';
import { authorize500 } from './rows/authorize.ts';
import { browserHeapGrowth } from './rows/browser-heap-growth.ts';
import { browserInteractive } from './rows/browser-interactive.ts';
import { browserLongestTask } from './rows/browser-longest-task.ts';
import { browserTrainStep } from './rows/browser-train-step.ts';
import { clipPerExampleCnn, clipPerExampleMlp } from './rows/clip-per-example.ts';
import { echoRound1M, echoRound159k } from './rows/echo-round.ts';
import { firstRound50 } from './rows/first-round.ts';
import { fuzzSeedsPerSecond } from './rows/fuzz.ts';
import { idleServer1000 } from './rows/idle-server.ts';
import { lotGradientMlp } from './rows/lot-gradient.ts';
import { maskAdd1M } from './rows/mask-add.ts';
import { mnistIid, mnistShards } from './rows/mnist-curves.ts';
import { noise1M, samplerCdt } from './rows/noise.ts';
import { pooledEps3, shardsCurve } from './rows/privacy-example.ts';
import {
  distributedEps2,
  distributedEps8,
  participantCurve,
  participantEps2,
  participantEps8,
  priceEps2,
  priceEps8,
} from './rows/privacy-participant.ts';
import { secureCoordinator, secureParticipant, secureUpload } from './rows/secure-attempt.ts';
import { secureCoordinatorMemory } from './rows/secure-coordinator-memory.ts';
import { secureDemoOverhead } from './rows/secure-demo-overhead.ts';
import { serverUpdate1M, serverUpdate159k } from './rows/server-update.ts';
import { participantsPerCoreSecond } from './rows/simulate.ts';
import { trainStepB10Cpu, trainStepB32Cpu, trainStepB32Wasm } from './rows/train-step.ts';
import { compileCnn, trainStepCnnCpu, trainStepCnnWasm } from './rows/train-step-cnn.ts';
import { trainStepTransformer } from './rows/train-step-transformer.ts';

export interface Group {
  readonly summary: string;
  readonly rows: readonly RowDefinition[];
}

export const GROUPS: Readonly<Record<string, Group>> = {
  access: {
    summary:
      'what it costs to decide who may do what, to ask an audit log, and to report what it tells; some minutes',
    rows: [authorize500, auditQuery1M, auditReport1M],
  },
  ground: {
    summary: 'training, simulation, aggregation and rounds over loopback; about two minutes',
    rows: [
      trainStepB32Cpu,
      trainStepB32Wasm,
      trainStepB10Cpu,
      participantsPerCoreSecond,
      aggregatePlain,
      echoRound159k,
      echoRound1M,
    ],
  },
  graph: {
    summary: 'what the graph compiler and its train steps cost; some minutes',
    rows: [
      trainStepCnnCpu,
      trainStepCnnWasm,
      trainStepTransformer,
      clipPerExampleMlp,
      clipPerExampleCnn,
      compileCnn,
    ],
  },
  transport: {
    summary: 'what signed requests, updates and waiting nodes cost; some minutes',
    rows: [
      echoRound159k,
      echoRound1M,
      firstRound50,
      serverUpdate159k,
      serverUpdate1M,
      idleServer1000,
      fuzzSeedsPerSecond,
    ],
  },
  browser: {
    summary: 'what a participant in a browser waits for and needs, in a headless Chromium; some minutes',
    rows: [browserTrainStep, browserInteractive, browserLongestTask, browserHeapGrowth],
  },
  secagg: {
    summary: 'what secure aggregation costs participants and coordinator; some minutes',
    rows: [
      maskAdd1M,
      secureParticipant,
      secureCoordinator,
      secureUpload,
      secureCoordinatorMemory,
      secureDemoOverhead,
    ],
  },
  privacy: {
    summary: 'what noise and the accounting of privacy cost; a minute',
    rows: [samplerCdt, noise1M, pldEpsilon10000, rdpEpsilon10000, calibrateEps1, lotGradientMlp],
  },
  audit: {
    summary: 'what an audit log costs who writes it and who checks it; ten minutes',
    rows: [auditAppend, auditInclusion, auditConsistency, auditExport1M, auditFsck1M],
  },
  mnist: {
    summary: 'learning curves to 97 %, as a table and a picture; some minutes',
    rows: [mnistIid, mnistShards],
  },
  'privacy-curves': {
    summary: 'what privacy costs in accuracy: all tables and pictures; half an hour',
    rows: [
      pooledEps3,
      participantEps2,
      participantEps8,
      distributedEps2,
      distributedEps8,
      priceEps2,
      priceEps8,
      participantCurve,
      shardsCurve,
    ],
  },
};
