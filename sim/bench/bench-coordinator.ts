/** A coordinator as a process of its own, for the time of a measurement. */
import { join } from 'node:path';
import type { CoordinatorApi } from '../../client/coordinator-api.ts';
import { connect } from '../../client/enrol.ts';
import { type Identity, readIdentity } from '../../client/identity.ts';
import { nodeExchange } from '../../client/node-exchange.ts';
import { systemClock } from '../../protocol/primitives/system-clock.ts';
import type { StartChild } from './child.ts';

export interface BenchCoordinator {
  readonly pid: number;
  /** The file of its operator's identity. */
  readonly operatorFile: string;
}

/**
 * Resolves when it answers.
 * @param folder in which it keeps what it has, under `coordinator`
 * @param heldFile where it writes what memory it holds at most; absent: it does not look (`held-process.ts`)
 */
export async function startCoordinator(
  start: StartChild,
  folder: string,
  heldFile?: string,
): Promise<BenchCoordinator> {
  const dataDir = join(folder, 'coordinator');
  const args = ['serve', '--port', '0', '--data-dir', dataDir, '--json'];
  const server = heldFile
    ? start('./held-process.js', [heldFile, ...args])
    : start('../../bin/hanse.js', args);
  const { operatorIdentity } = (await server.next()) as { readonly operatorIdentity: string };
  return { pid: server.pid, operatorFile: operatorIdentity };
}

export interface BenchOperator {
  readonly operator: Identity;
  /** As that operator. */
  readonly api: CoordinatorApi;
}

export async function connectOperator({
  operatorFile,
}: Pick<BenchCoordinator, 'operatorFile'>): Promise<BenchOperator> {
  const operator = await readIdentity(operatorFile);
  return { operator, api: await connect(operator, systemClock, { exchange: nodeExchange }) };
}
