// covers: schemas/member.ts, schemas/provider.ts, schemas/identity-file.ts, schemas/federation-event.ts
import { FederationEvent } from '../../schemas/federation-event.ts';
import { IdentityFile } from '../../schemas/identity-file.ts';
import {
  Capabilities,
  Enrolment,
  EnrolmentRequest,
  FederationInfo,
  Invite,
  InviteRequest,
  Member,
} from '../../schemas/member.ts';
import { ProviderName } from '../../schemas/provider.ts';
import { describeForm } from './form-of.ts';

const FEDERATION = 'fed-0123456789abcdef';
const NODE = 'a'.repeat(32);
const KEY = 'b'.repeat(64);
const TOKEN = `${'A-_z'.repeat(10)}AAA`;
const SIGNATURE = 'c'.repeat(128);
const AT = '2026-01-01T00:00:00.000Z';

const capabilities = {
  software: 'hanse/0.1.0',
  provider: 'wasm',
  providerReason: 'the best available',
  dataSets: [{ name: 'mnist', version: '1', inputShape: [784] }],
};

describeForm('provider', ProviderName, { sound: 'cpu', takes: [['', 'webgpu']], refuses: [['', 'tpu']] });

describeForm('capabilities', Capabilities, {
  sound: capabilities,
  takes: [
    ['dataSets', []],
    ['dataSets', [{ name: 'a', version: '1', inputShape: [] }]],
    ['memoryBytes', 0],
    ['providerReason', ''],
    ['dataSets', [{ name: 'Köln 7', version: '1', inputShape: [1_000_000_000] }]],
    ['steps', [{ jobId: `job-${'0'.repeat(16)}`, milliseconds: 0.5 }]],
  ],
  refuses: [
    ['memoryBytes', -1],
    ['memoryBytes', 0.5],
    ['steps', [{ jobId: `job-${'0'.repeat(16)}`, milliseconds: 0 }]],
    ['steps', [{ jobId: 'job', milliseconds: 1 }]],
    ['steps', Array(17).fill({ jobId: `job-${'0'.repeat(16)}`, milliseconds: 1 })],
    ['provider', 'tpu'],
    ['providerReason', 'x'.repeat(201)],
    ['providerReason', 'the best\u001b[2J'],
    ['software', 'hanse\n'],
    ['dataSets', [{ name: 'a\u202eb', version: '1', inputShape: [1] }]],
    ['dataSets', [{ name: 'a', version: '1', inputShape: [1e300] }]],
    ['steps', [{ jobId: `job-${'0'.repeat(16)}`, milliseconds: 1e300 }]],
    ['software', 'x'.repeat(41)],
    ['dataSets', [{ name: 'a', version: '1', inputShape: [0] }]],
    ['dataSets', [{ name: '', version: '1', inputShape: [1] }]],
    ['dataSets', Array(65).fill(capabilities.dataSets[0])],
  ],
});

describeForm('member', Member, {
  sound: {
    nodeId: NODE,
    organisationId: 'hospital',
    name: 'node 1',
    role: 'participant',
    publicKey: KEY,
    enrolledAt: AT,
    validUntil: null,
    revokedAt: null,
    capabilities,
    live: true,
  },
  takes: [
    ['capabilities', null],
    ['role', 'evaluator'],
    ['name', 'Clinic {Köln} p'],
  ],
  refuses: [
    ['role', 'admin'],
    ['name', 'a\u0007'],
    ['name', 'a\u202eb'],
    ['name', ''],
    ['live', 1],
  ],
});

describeForm('what the coordinator says of itself', FederationInfo, {
  sound: {
    federationId: FEDERATION,
    coordinatorKey: KEY,
    software: 'hanse/0.1.0',
    protocol: { min: 1, max: 2 },
    signature: 'c'.repeat(128),
  },
  refuses: [
    ['signature', 'c'.repeat(126)],
    ['protocol.min', '1'],
    ['coordinatorKey', 'b'.repeat(63)],
  ],
});

describeForm('request for an invite', InviteRequest, {
  sound: { role: 'participant', organisationId: 'hospital', lifetimeSeconds: 3600 },
  takes: [
    ['lifetimeSeconds', 2_592_000],
    ['needsApproval', true],
  ],
  refuses: [
    ['lifetimeSeconds', 0],
    ['lifetimeSeconds', 2_592_001],
    ['organisationId', 'The Hospital'],
  ],
});

describeForm('invite', Invite, {
  sound: { token: TOKEN, role: 'participant', organisationId: 'hospital', expiresAt: AT },
  refuses: [
    ['token', TOKEN.slice(1)],
    ['token', `${TOKEN}A`],
    ['token', `${TOKEN.slice(1)}=`],
    ['expiresAt', '2026-01-01T00:00:00+01:00'],
  ],
});

describeForm('request for enrolment', EnrolmentRequest, {
  sound: {
    token: TOKEN,
    publicKey: KEY,
    name: 'node 1',
    admission: { organisationKey: KEY, signature: SIGNATURE },
  },
  refuses: [
    ['admission', {}],
    ['publicKey', KEY.toUpperCase()],
    ['name', 'x'.repeat(81)],
  ],
});

describeForm('enrolment', Enrolment, {
  sound: { federationId: FEDERATION, nodeId: NODE, organisationId: 'hospital', role: 'evaluator' },
  refuses: [['nodeId', KEY]],
});

describeForm('identity file', IdentityFile, {
  sound: {
    version: 1,
    server: 'https://coordinator.example:8443',
    federationId: FEDERATION,
    coordinatorKey: KEY,
    nodeId: NODE,
    organisationId: 'hospital',
    role: 'participant',
    name: 'node 1',
    seed: 'd'.repeat(64),
  },
  takes: [['server', 'http://localhost:8790']],
  refuses: [
    ['version', 2],
    ['server', 'https://coordinator.example/'],
    ['server', 'coordinator.example'],
    ['seed', 'd'.repeat(62)],
  ],
});

const enrolled = {
  type: 'memberEnrolled',
  nodeId: NODE,
  publicKey: KEY,
  name: 'node 1',
  role: 'participant',
  organisationId: 'hospital',
  organisationKey: KEY,
  signature: SIGNATURE,
  tokenSha256: 'e'.repeat(64),
};
const succession = { from: NODE, byOld: SIGNATURE, byNew: SIGNATURE };
const statement = {
  federationId: FEDERATION,
  version: 2,
  previousSha256: KEY,
  organisationsSha256: KEY,
  issuedAt: AT,
};

describeForm('event of a federation', FederationEvent, {
  sound: enrolled,
  takes: [
    ['tokenSha256', null],
    ['', { type: 'federationCreated', federationId: FEDERATION, coordinatorKey: KEY }],
    ['', { type: 'capabilitiesReported', nodeId: NODE, capabilities }],
    [
      '',
      {
        type: 'inviteCreated',
        tokenSha256: 'e'.repeat(64),
        role: 'researcher',
        organisationId: 'hospital',
        expiresAt: AT,
        needsApproval: false,
        by: NODE,
      },
    ],
    ['', { ...enrolled, type: 'enrolmentRequested' }],
    ['', { type: 'enrolmentApproved', nodeId: NODE, by: NODE }],
    ['', { type: 'enrolmentRefused', nodeId: NODE, by: NODE }],
    ['', { type: 'keySucceeded', nodeId: NODE, publicKey: KEY, succession, validUntil: AT }],
    ['', { type: 'memberRevoked', nodeId: NODE, reason: 'stolen', by: NODE }],
    ['', { type: 'organisationRevoked', organisationId: 'hospital', reason: 'left', by: NODE }],
    ['', { type: 'directoryIssued', version: { statement, signature: SIGNATURE }, sha256: KEY }],
  ],
  refuses: [
    ['type', 'memberExpelled'],
    ['', { ...enrolled, type: 'enrolmentRequested', tokenSha256: null }],
    ['', { type: 'memberRevoked', nodeId: NODE, reason: '', by: NODE }],
    ['', { type: 'keySucceeded', nodeId: NODE, publicKey: KEY, succession, validUntil: null }],
    ['type', 'federationCreated'],
    ['tokenSha256', TOKEN],
    [
      '',
      {
        type: 'inviteCreated',
        token: TOKEN,
        role: 'researcher',
        organisationId: 'a',
        expiresAt: AT,
        needsApproval: false,
        by: NODE,
      },
    ],
  ],
});
