import { afterEach, expect, test, vi } from 'vitest';
import { progressBar } from '../../sim/progress-bar.ts';

afterEach(() => {
  vi.restoreAllMocks();
});

test('without a terminal, a line at each tenth of the way', () => {
  const notes: string[] = [];
  const bar = progressBar({ isTerminal: false, note: (line) => notes.push(line) }, 'round', 40);
  for (let round = 0; round <= 40; round += 1) bar.update(round, `loss ${round}`);
  bar.stop();
  expect(notes).toHaveLength(10);
  expect(notes[0]).toBe('round 4 of 40: loss 4');
  expect(notes.at(-1)).toBe('round 40 of 40: loss 40');
});

test('few steps are told one by one, a leap in one line, a step back not at all', () => {
  const notes: string[] = [];
  const bar = progressBar({ isTerminal: false, note: (line) => notes.push(line) }, 'round', 3);
  bar.update(1, 'a');
  bar.update(3, 'b');
  bar.update(2, 'c');
  expect(notes).toEqual(['round 1 of 3: a', 'round 3 of 3: b']);
});

test('on a terminal it draws, and its notes stay silent', () => {
  const written: string[] = [];
  vi.spyOn(process.stderr, 'write').mockImplementation((text) => {
    written.push(String(text));
    return true;
  });
  const { isTTY } = process.stderr;
  process.stderr.isTTY = true;
  const notes: string[] = [];
  const bar = progressBar({ isTerminal: true, note: (line) => notes.push(line) }, 'round', 3);
  bar.update(3, 'loss 0.5');
  bar.stop();
  process.stderr.isTTY = isTTY;
  expect(notes).toEqual([]);
  expect(written.join('')).toContain('round 3 of 3');
  expect(written.join('')).toContain('loss 0.5');
});
