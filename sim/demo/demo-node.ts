/** A participant of the demo, or its evaluator, as a process of its own. */
import { join } from 'node:path';
import { makeOutputFolder, writeOutput } from '../../client/commands/output-file.ts';
import type { DataBudget } from '../../schemas/node-config.ts';
import { type ChildEvent, startChild } from '../child-process.ts';
import type { DemoPart } from './demo-parts.ts';
import type { Running } from './running.ts';

export interface DemoNode {
  readonly link: string;
  readonly dataDir: string;
  readonly seed: string;
  /** Takes part also where the coordinator sees each update. */
  readonly allowPlain: boolean;
  /** Of the training images; absent for the evaluator, who has the test images. */
  readonly part: DemoPart | undefined;
  /** As `hanse join --drop-out` takes it; absent: it stays. */
  readonly dropOut?: string;
  /** Of its images; absent: none, and no job that promises privacy. */
  readonly budget?: Pick<DataBudget, 'epsilon' | 'delta'>;
}

/**
 * Resolves when the node is ready.
 * @param running receives the node as soon as it runs
 * @param changed called when there is something new to see of the participant
 */
export async function startNode(
  { link, dataDir, seed, part, dropOut, allowPlain, budget }: DemoNode,
  running: Running[],
  changed: () => void,
): Promise<void> {
  const name = part?.name ?? 'evaluator';
  const folder = join(dataDir, name);
  await makeOutputFolder(folder, 0o700);
  const data = ['--data', part ? 'mnist:train' : 'mnist:test'];
  if (part) {
    const file = join(folder, 'rows.json');
    await writeOutput(file, JSON.stringify(Array.from(part.rows)), 0o600);
    data.push('--rows', file, '--allow-single-class');
  }
  if (dropOut !== undefined) data.push('--drop-out', dropOut);
  if (part && budget) data.push('--privacy-budget', `${budget.epsilon},${budget.delta}`);
  if (allowPlain) data.push('--allow-plain');
  const identity = ['--identity', join(folder, 'identity.json'), '--name', name, '--seed', seed];
  const child = startChild(['join', link, ...data, ...identity], join(dataDir, `${name}.log`), (event) => {
    if (!part) return;
    part.state = describe(event) ?? part.state;
    changed();
  });
  running.push(child);
  void child.ended.then((code) => {
    if (!part || code === 0) return;
    part.state = 'lost';
    changed();
  });
  await child.event((event) => event.type === 'ready');
}

function describe({ type, problem }: ChildEvent): string | undefined {
  if (type === 'contributed') return 'sent';
  if (type === 'declined' || type === 'missed') return `${type}: ${(problem as { code?: string })?.code}`;
  return typeof type === 'string' ? type : undefined;
}
