import { JobAttempts, SpentAttempts } from '../../schemas/attempts.ts';
import { describeForm } from './form-of.ts';

const HASH = 'ab'.repeat(32);
const attempts = { round: 3, attempt: 1, opened: [HASH], answer: { context: HASH, bytes: 'AAEC' } };

describeForm('spent attempts of a job', JobAttempts, {
  sound: attempts,
  takes: [
    ['answer', null],
    ['opened', []],
    ['answer.bytes', ''],
    ['answer.bytes', 'AA=='],
  ],
  refuses: [
    ['round', 0],
    ['attempt', 0],
    ['attempt', 1.5],
    ['opened', ['model']],
    ['answer', 'AAEC'],
    ['answer.context', 'ab'],
    ['answer.bytes', 'a-b'],
  ],
});

describeForm('the file of spent attempts', SpentAttempts, {
  sound: { version: 1, jobs: { 'job-0123456789abcdef': attempts } },
  optional: ['jobs.job-0123456789abcdef'],
  takes: [['jobs', {}]],
  refuses: [
    ['version', 2],
    ['jobs', []],
    ['jobs', { digits: attempts }],
  ],
});
