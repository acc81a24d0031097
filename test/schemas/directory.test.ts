// covers: schemas/directory.ts, schemas/node-proof.ts
import { Directory, DirectoryAnswer, DirectoryNode } from '../../schemas/directory.ts';
import { Admission } from '../../schemas/node-proof.ts';
import { describeForm } from './form-of.ts';

const KEY = 'b'.repeat(64);
const NODE = 'a'.repeat(32);
const SIGNATURE = 'c'.repeat(128);
const AT = '2026-01-01T00:00:00.000Z';

const node = {
  nodeId: NODE,
  publicKey: KEY,
  role: 'participant',
  proof: { type: 'admission', signature: SIGNATURE },
  validFrom: AT,
  validUntil: null,
  revokedAt: null,
};
const organisation = {
  organisationId: 'clinic',
  publicKey: KEY,
  addedAt: AT,
  revokedAt: null,
  nodes: [node],
};
const statement = {
  federationId: 'fed-0123456789abcdef',
  version: 1,
  previousSha256: null,
  organisationsSha256: KEY,
  issuedAt: AT,
};
const directory = { statement, signature: SIGNATURE, organisations: [organisation] };

describeForm('admission', Admission, {
  sound: { organisationKey: KEY, signature: SIGNATURE },
  takes: [],
  refuses: [
    ['organisationKey', KEY.slice(1)],
    ['signature', KEY],
  ],
});

describeForm('directory node', DirectoryNode, {
  sound: node,
  takes: [
    ['validUntil', AT],
    ['revokedAt', AT],
    ['proof', { type: 'succession', from: NODE, byOld: SIGNATURE, byNew: SIGNATURE }],
  ],
  refuses: [
    ['proof', { type: 'admission' }],
    ['proof', { type: 'succession', from: NODE, byOld: SIGNATURE }],
    ['proof', { type: 'word of the coordinator' }],
    ['role', 'spy'],
    ['revokedAt', false],
  ],
});

describeForm('directory', Directory, {
  sound: directory,
  takes: [['organisations', []]],
  refuses: [
    ['statement', { ...statement, version: 0 }],
    ['statement', { ...statement, previousSha256: '' }],
    ['organisations', [{ ...organisation, nodes: undefined }]],
    ['organisations', [{ ...organisation, organisationId: '__proto__' }]],
  ],
});

describeForm('directory answer', DirectoryAnswer, {
  sound: { directory, between: [{ statement, signature: SIGNATURE }] },
  takes: [['between', []]],
  refuses: [['between', [directory]]],
});
