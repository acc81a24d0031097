/**
 * The options by which a command finds out who is asking, and its connection to the coordinator.
 */
import { primitives } from '#primitives';
import { systemClock } from '../../protocol/primitives/system-clock.ts';
import type { CommandOption } from '../../schemas/command.ts';
import type { CoordinatorApi } from '../coordinator-api.ts';
import { connect } from '../enrol.ts';
import { type Identity, readIdentity } from '../identity.ts';
import { nodeExchange } from '../node-exchange.ts';
import { DEFAULT_PAUSES, REPEATS_IF_OVERLOADED, retryingCoordinator } from '../retrying-coordinator.ts';

export interface IdentityOptions {
  readonly identity: string;
}

export const IDENTITY_OPTION: CommandOption = {
  flags: '--identity <file>',
  description: 'who asks; the default is the operator of a coordinator in this folder',
  default: '.hanse/coordinator/keys/operator.json',
};

/** Reads the identity, checks the coordinator's key and version, and returns the connection. */
export async function connectAs(
  options: IdentityOptions,
): Promise<{ identity: Identity; api: CoordinatorApi }> {
  const identity = await readIdentity(options.identity);
  const around = (api: CoordinatorApi) =>
    retryingCoordinator(api, {
      clock: systemClock,
      random: primitives.random,
      ...DEFAULT_PAUSES,
      repeats: REPEATS_IF_OVERLOADED,
    });
  return { identity, api: await connect(identity, systemClock, { around, exchange: nodeExchange }) };
}
