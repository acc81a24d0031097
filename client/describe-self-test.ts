/** What the self-test of the primitives has found, in a line for people: the suites, what makes their masks, what was dropped. */
import type { SelfTestReport } from '../protocol/secagg/self-test.ts';
import { SUITES } from '../protocol/secagg/suite.ts';

export function describeSelfTest({ suites, keyStreams, primitives }: SelfTestReport): string {
  const usable = SUITES.filter(({ id }) => suites.includes(id)).map(({ id, keyStream }) => {
    const chosen = keyStreams.find(({ name, isChosen }) => name === keyStream && isChosen);
    return `suite ${id} with ${keyStream} by ${chosen?.implementation}, ${chosen?.megabytesPerSecond} MB/s`;
  });
  const dropped = [...primitives, ...keyStreams]
    .filter(({ isCorrect }) => !isCorrect)
    .map(({ name, implementation, reason }) => `${name} by ${implementation} is wrong (${reason})`);
  return [...(usable.length > 0 ? usable : ['no suite']), ...dropped].join('; ');
}
