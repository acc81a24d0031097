/**
 * The options by which a command finds out who is asking, and its connection to the coordinator.
 */
import { primitives } from '#primitives';
import { systemClock } from '../../protocol/primitives/system-clock.ts';
import { HanseError } from '../../protocol/problem.ts';
import type { CommandOption } from '../../schemas/command.ts';
import type { CoordinatorApi } from '../coordinator-api.ts';
import { connect } from '../enrol.ts';
import { type Identity, readIdentity } from '../identity.ts';
import { nodeExchangeTrusting } from '../node-exchange.ts';
import { askPassphrase, type PassphraseSource } from '../passphrase.ts';
import { DEFAULT_PAUSES, repeatsOfCommand, retryingCoordinator } from '../retrying-coordinator.ts';

export interface IdentityOptions extends PassphraseSource {
  readonly identity: string;
}

/** Where `hanse serve` keeps the operator's key unless it is told otherwise. */
export const OPERATOR_FILE = '.hanse/coordinator/keys/operator.json';

export const PASSPHRASE_OPTION: CommandOption = {
  flags: '--passphrase-file <file>',
  description: 'the passphrase of an encrypted key, else HANSE_PASSPHRASE, else you are asked',
};

const IDENTITY_OPTION: CommandOption = {
  flags: '--identity <file>',
  description: 'who asks; the default is the operator of a coordinator in this folder',
  default: OPERATOR_FILE,
};

/** Who asks, and how to open its key. */
export const IDENTITY_OPTIONS: readonly CommandOption[] = [IDENTITY_OPTION, PASSPHRASE_OPTION];

/**
 * Reads the identity, checks the coordinator's key and version, and returns the connection.
 * @param signal ends every request, which then throws `interrupted`
 */
export async function connectAs(
  options: IdentityOptions,
  signal: AbortSignal,
): Promise<{ identity: Identity; api: CoordinatorApi }> {
  const identity = await identityOf(options);
  return { identity, api: await connectIdentity(identity, signal) };
}

/** As `connectAs`, with an identity that is at hand. @param proxy absent: that of the environment */
export async function connectIdentity(
  identity: Identity,
  signal: AbortSignal,
  proxy?: string,
): Promise<CoordinatorApi> {
  const around = (api: CoordinatorApi) =>
    interruptible(
      retryingCoordinator(api, {
        clock: systemClock,
        random: primitives.random,
        ...DEFAULT_PAUSES,
        repeats: repeatsOfCommand,
      }),
      signal,
    );
  const exchange = nodeExchangeTrusting(identity, proxy);
  return connect(identity, systemClock, { around, exchange });
}

async function identityOf({ identity: file, ...source }: IdentityOptions): Promise<Identity> {
  try {
    return await readIdentity(file, askPassphrase(source));
  } catch (error) {
    const isMissing = ((error as Error).cause as NodeJS.ErrnoException | undefined)?.code === 'ENOENT';
    if (!isMissing || file !== OPERATOR_FILE) throw error;
    const reason = 'no coordinator was started in this folder: run `hanse serve` here, or give --identity';
    throw new HanseError('identityUnreadable', { file, reason }, { cause: error });
  }
}

/** Requests that end with the command: what then comes of them is that it was asked to stop. */
function interruptible(api: CoordinatorApi, signal: AbortSignal): CoordinatorApi {
  return {
    async call(name, request, options) {
      try {
        return await api.call(name, request, { signal, ...options });
      } catch (error) {
        throw signal.aborted ? new HanseError('interrupted', {}, { cause: error }) : error;
      }
    },
  };
}
