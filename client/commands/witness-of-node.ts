/**
 * What makes a participant a witness of the log: SPEC.md 13.13. What it has seen lies next to its identity.
 */
import { primitives } from '#primitives';
import { nodeWitnessKey } from '../../protocol/audit/node-witness.ts';
import { systemClock } from '../../protocol/primitives/system-clock.ts';
import type { Signer } from '../../protocol/primitives.ts';
import { ServedSource } from '../audit/served-source.ts';
import type { CoordinatorApi } from '../coordinator-api.ts';
import { connect } from '../enrol.ts';
import { evidenceFile } from '../evidence-file.ts';
import type { Identity } from '../identity.ts';
import { LogWitness } from '../log-witness.ts';
import type { ParticipantEvent } from '../participant-event.ts';
import { DEFAULT_PAUSES, retryingCoordinator } from '../retrying-coordinator.ts';
import { WitnessDuty } from '../witness-duty.ts';
import { witnessFile } from '../witness-file.ts';
import type { Patience } from './join-identity.ts';

/**
 * Over a connection of its own, as its requests are held by the coordinator for long. It tells of no request that is repeated: where
 * the coordinator is away the connection for work tells so.
 */
export async function witnessOf(
  identity: Identity,
  signer: Signer,
  identityFile: string,
  patience: Patience,
  observe: (event: ParticipantEvent) => void,
): Promise<WitnessDuty> {
  const { federationId, organisationId, nodeId } = identity;
  const around = (api: CoordinatorApi) =>
    retryingCoordinator(api, { clock: systemClock, random: primitives.random, ...DEFAULT_PAUSES });
  const api = await connect(identity, systemClock, { ...patience(identity), around });
  const key = await nodeWitnessKey({ organisationId, nodeId, publicKey: signer.publicKey });
  const memory = witnessFile(identityFile, federationId);
  const witness = new LogWitness({ log: new ServedSource(api), key, signer, memory, clock: systemClock });
  return new WitnessDuty({ api, witness, evidence: evidenceFile(identityFile), clock: systemClock, observe });
}
