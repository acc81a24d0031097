import { ConsentAnswer, KeysAnswer, SharesAnswer, UpdateAnswer } from '../../schemas/secure-answer.ts';
import { describeForm } from './form-of.ts';

const HASH = 'ab'.repeat(32);
const receipt = { sha256: HASH, bytes: 81 };
const roster = { members: [], signature: 'c'.repeat(128) };

describeForm('the answer to keys', KeysAnswer, {
  sound: {},
  takes: [['roster', roster]],
  refuses: [
    ['roster', null],
    ['roster', []],
    ['survivors', {}],
  ],
});

describeForm('the answer to shares', SharesAnswer, {
  sound: receipt,
  takes: [['delivery', 'AAEC/w==']],
  refuses: [
    ['delivery', ''],
    ['delivery', 'A-_A'],
    ['delivery', null],
    ['sha256', undefined],
    ['bytes', -1],
  ],
});

describeForm('the answer to a masked update', UpdateAnswer, {
  sound: receipt,
  takes: [['survivors', { members: '07', root: HASH, proof: [HASH] }]],
  refuses: [
    ['survivors', null],
    ['survivors', { members: '07', root: HASH }],
    ['roster', roster],
  ],
});

describeForm('the answer to a consent', ConsentAnswer, {
  sound: {},
  takes: [['certificate', { consents: [] }]],
  refuses: [
    ['certificate', null],
    ['certificate', []],
  ],
});
