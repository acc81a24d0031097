import { expect, test } from 'vitest';
import { parse } from '../../protocol/parse.ts';
import { TaskLine } from '../../schemas/task-stream.ts';

const LINES: readonly TaskLine[] = [
  { type: 'opened', streamId: 'A'.repeat(22), spreadMs: 0 },
  { type: 'tasks', tasks: [] },
  { type: 'heartbeat', spreadMs: 60_000 },
];

test.each(LINES)('$type', (line) => {
  expect(parse(TaskLine, line, 'line')).toEqual(line);
});

test.each([
  ['no object', null],
  ['a type that nobody knows', { type: 'code', tasks: [] }],
  ['a member more', { ...LINES[1], more: true }],
  ['a task that is none', { type: 'tasks', tasks: [{}] }],
  ['an id of another length', { ...LINES[0], streamId: 'A'.repeat(21) }],
  ['a return in years', { type: 'heartbeat', spreadMs: 1e12 }],
])('%s is no line', (_, line) => {
  expect(() => parse(TaskLine, line, 'line')).toThrow(expect.objectContaining({ code: 'invalidFormat' }));
});
