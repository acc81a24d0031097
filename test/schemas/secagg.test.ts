import {
  Advertisement,
  Certificate,
  Roster,
  SecureAggregation,
  SignedDescriptor,
  SignedRecord,
  Survivors,
} from '../../schemas/secagg.ts';
import { describeForm } from './form-of.ts';

const HASH = 'ab'.repeat(32);
const NODE = 'a'.repeat(32);
const SIGNATURE = 'c'.repeat(128);
const AT = '2026-01-01T12:00:00.000Z';

const advertisement = {
  nodeId: NODE,
  publicKey: HASH,
  channelKey: HASH,
  maskKey: HASH,
  nonce: HASH,
  signature: SIGNATURE,
};
const descriptor = {
  version: 1,
  federationId: 'fed-0123456789abcdef',
  coordinatorKey: HASH,
  jobId: 'job-0123456789abcdef',
  manifestSha256: HASH,
  round: 1,
  attempt: 1,
  model: HASH,
  suite: 1,
  parameters: 5,
  width: 20,
  rosterMinimum: 3,
  rosterMaximum: 4,
  degree: null,
  threshold: 3,
  survivorsMinimum: 3,
  colluders: 1,
  deadlines: { advertising: AT, sharing: AT, collecting: AT, consenting: AT, unmasking: AT },
  nonce: HASH,
};
const signedDescriptor = { descriptor, signature: SIGNATURE };
const roster = { members: [advertisement], signature: SIGNATURE };
const certificate = { consents: [{ nodeId: NODE, signature: SIGNATURE }] };

describeForm('secure aggregation of a job', SecureAggregation, {
  sound: { suite: 1, colluders: 0, answerSeconds: 60 },
  takes: [
    ['suite', 2],
    ['answerSeconds', 0.5],
  ],
  refuses: [
    ['suite', 0],
    ['suite', '1'],
    ['colluders', -1],
    ['colluders', 0.5],
    ['answerSeconds', 0],
    ['answerSeconds', 604_801],
  ],
});

describeForm('description of a round', SignedDescriptor, {
  sound: signedDescriptor,
  takes: [
    ['descriptor.degree', 20],
    ['descriptor.colluders', 0],
  ],
  refuses: [
    ['signature', HASH],
    ['descriptor.version', 2],
    ['descriptor.suite', 3],
    ['descriptor.width', 15],
    ['descriptor.width', 33],
    ['descriptor.rosterMinimum', 2],
    ['descriptor.rosterMaximum', 10_001],
    ['descriptor.degree', 1],
    ['descriptor.degree', 255],
    ['descriptor.threshold', 1],
    ['descriptor.survivorsMinimum', 1],
    ['descriptor.deadlines.sharing', 'soon'],
    ['descriptor.nonce', 'ab'],
  ],
});

describeForm('keys of a participant', Advertisement, {
  sound: advertisement,
  refuses: [
    ['nodeId', HASH],
    ['publicKey', NODE],
    ['channelKey', HASH.toUpperCase()],
    ['maskKey', `${HASH}00`],
    ['nonce', ''],
    ['signature', HASH],
  ],
});

describeForm('roster', Roster, {
  sound: roster,
  takes: [['members', []]],
  refuses: [
    ['members', [NODE]],
    ['members', Array(10_001).fill(advertisement)],
    ['signature', ''],
  ],
});

describeForm('survivors', Survivors, {
  sound: { members: '0f', root: HASH, proof: [HASH] },
  takes: [['proof', []]],
  refuses: [
    ['members', ''],
    ['members', '0'],
    ['members', '0F'],
    ['members', [0, 1]],
    ['root', NODE],
    ['proof', Array(15).fill(HASH)],
  ],
});

describeForm('certificate', Certificate, {
  sound: certificate,
  takes: [['consents', []]],
  refuses: [
    ['consents', [SIGNATURE]],
    ['consents', [{ nodeId: NODE, signature: HASH }]],
  ],
});

describeForm('record of a round', SignedRecord, {
  sound: {
    record: {
      version: 1,
      descriptor: signedDescriptor,
      roster,
      delivered: '01',
      survivors: '01',
      updates: [{ sha256: HASH, signature: SIGNATURE }],
      root: HASH,
      certificate,
      chosen: ['01', null],
      revealed: [HASH],
      sum: HASH,
      nextModel: HASH,
      strategyState: HASH,
    },
    signature: SIGNATURE,
  },
  optional: ['record.chosen'],
  takes: [
    ['record.strategyState', null],
    ['record.chosen', [null]],
  ],
  refuses: [
    ['record.version', 0],
    ['record.delivered', ''],
    ['record.updates', [{ sha256: HASH }]],
    ['record.revealed', ['']],
    ['record.chosen', ['x']],
    ['record.sum', null],
    ['record.nextModel', null],
  ],
});
