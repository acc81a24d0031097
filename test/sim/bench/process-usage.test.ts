import { expect, test } from 'vitest';
import { cpuMsIn, peakBytesIn, residentBytesIn, usageOf } from '../../../sim/bench/process-usage.ts';

test('processor time is user and system time together, whatever the program is called', () => {
  const fields = 'S 1 42 42 0 -1 4194304 900 0 0 0 150 25 0 0 20 0 11 0';
  expect(cpuMsIn(`42 (node) ${fields}`)).toBe(1750);
  expect(cpuMsIn(`42 (a) 7 (b) ${fields}`)).toBe(1750);
});

test('resident memory is read in kilobytes', () => {
  const status = 'Name:\tnode\nVmHWM:\t  9000 kB\nVmRSS:\t  2048 kB\nThreads:\t11\n';
  expect(residentBytesIn(status)).toBe(2_097_152);
  expect(peakBytesIn(status)).toBe(9_216_000);
});

test.skipIf(process.platform !== 'linux')('this process has used some of both; none has no usage', () => {
  const { cpuMs, residentBytes, peakBytes } = usageOf(process.pid);
  expect(cpuMs).toBeGreaterThan(0);
  expect(Math.abs(Math.log2(residentBytes / process.memoryUsage.rss()))).toBeLessThan(1);
  expect(peakBytes).toBeGreaterThanOrEqual(residentBytes);
  expect(() => usageOf(2 ** 30)).toThrow(/ENOENT/);
});
