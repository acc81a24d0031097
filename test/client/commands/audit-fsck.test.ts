import { expect, test } from 'vitest';
import { describeFinding } from '../../../client/commands/audit-fsck.ts';

test('a finding is told by its name, its place and its meaning', () => {
  expect(describeFinding({ what: 'checkpointMissing' })).toBe('checkpointMissing: there is no checkpoint');
  expect(describeFinding({ what: 'hashChanged', level: 1, index: 2 })).toBe(
    'hashChanged: level 1, index 2: a hash of the tree is not the one that was signed',
  );
  expect(describeFinding({ what: 'entryMissing', index: 256, count: 44 })).toMatch(
    /^entryMissing: index 256, 44 from there on: /,
  );
  expect(describeFinding({ what: 'saltForeign', index: 9, pointer: '/data/node' })).toMatch(
    /^saltForeign: index 9, \/data\/node: /,
  );
  expect(describeFinding({ what: 'eventUnlogged', position: 7, detail: 'job/x/3' })).toMatch(
    /^eventUnlogged: position 7 of the records, job\/x\/3: /,
  );
  expect(describeFinding({ what: 'noteUnsigned', index: 9 })).toMatch(/^noteUnsigned: size 9: /);
});
