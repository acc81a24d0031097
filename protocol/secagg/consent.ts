/**
 * M7 and M8: survivors say which survivors they were told of, and nobody reveals anything before enough of its own
 * neighbours have said the same. SPEC.md 11.7.
 *
 *   consent = Ed25519( "HSA1 u3" || 00 || ctx2 || U3 || root )
 */
import type { Certificate } from '../../schemas/secagg.ts';
import { hexBytes, toHex } from '../bytes.ts';
import type { Primitives, Signer } from '../primitives.ts';
import { HanseError } from '../problem.ts';
import type { Delivered } from './delivery.ts';
import { labelled } from './derivation.ts';
import type { AgreedRoster, Party } from './roster.ts';
import type { SurvivorSet } from './survivors.ts';

type Agreed = Pick<SurvivorSet, 'bits' | 'root'>;

/** @param context ctx2 */
export async function consentTo(identity: Signer, context: Uint8Array, survivors: Agreed): Promise<string> {
  return toHex(await identity.sign(statement(context, survivors)));
}

/** @param signature attacker-controlled, hex */
export function isConsent(
  primitives: Pick<Primitives, 'verify'>,
  context: Uint8Array,
  survivors: Agreed,
  { publicKey }: Pick<Party, 'publicKey'>,
  signature: string,
): Promise<boolean> {
  return primitives.verify(hexBytes(signature), statement(context, survivors), publicKey);
}

/**
 * That at least t survivors among this participant and its neighbours have consented to exactly these survivors. More
 * are not looked at, and neither are those of strangers.
 * @param certificate attacker-controlled, of its schema
 * @throws `certificateInvalid`
 */
export async function checkCertificate(
  primitives: Pick<Primitives, 'verify'>,
  roster: AgreedRoster,
  { context, peers }: Pick<Delivered, 'context' | 'peers'>,
  own: number,
  survivors: SurvivorSet,
  { consents }: Certificate,
): Promise<void> {
  const { threshold: needed } = roster.descriptor;
  const near = new Set([own, ...peers]);
  const open = new Map(
    survivors.members
      .filter((index) => near.has(index))
      .map((index) => [(roster.parties[index] as Party).nodeId, roster.parties[index] as Party]),
  );
  let got = 0;
  for (const { nodeId, signature } of consents) {
    if (got === needed) break;
    const party = open.get(nodeId);
    if (!party || !(await isConsent(primitives, context, survivors, party, signature))) continue;
    open.delete(nodeId); // each counts once
    got += 1;
  }
  if (got < needed) throw new HanseError('certificateInvalid', { needed, got });
}

function statement(context: Uint8Array, { bits, root }: Agreed): Uint8Array {
  return labelled('u3', [context, bits, root]);
}
