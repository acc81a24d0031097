/**
 * Who a node is when it starts: the identity that is stored, or a new one by an invite link.
 */
import type { InviteLink } from '../../protocol/invite-link.ts';
import { systemClock } from '../../protocol/primitives/system-clock.ts';
import { HanseError, isProblem } from '../../protocol/problem.ts';
import type { CommandIo } from '../../schemas/command.ts';
import { type ConnectionOptions, connect, enrol, isEnrolmentRefused } from '../enrol.ts';
import {
  forgetPendingKey,
  type Identity,
  type KeptKey,
  pendingKey,
  readIdentity,
  writeIdentity,
} from '../identity.ts';
import { askPassphrase, givenPassphrase } from '../passphrase.ts';
import { isThere } from '../private-file.ts';
import type { Trust } from '../tls-trust.ts';
import { whileUnused } from '../unused-identity.ts';
import { admitted } from './admission-options.ts';
import type { JoinPlan } from './join-plan.ts';

/** How connections are made, once it is known whom to trust. */
export type Patience = (trust: Trust) => ConnectionOptions;

/** With the certificates that the coordinator is trusted by. */
export type KnownPlan = JoinPlan & Pick<Trust, 'ca'>;

/**
 * The stored identity; with an invite link, a new one. A stored key is never overwritten: a link to the same federation
 * only says where its coordinator is to be found now, and is not used up.
 */
export async function identityFor(
  invite: InviteLink | undefined,
  plan: KnownPlan,
  patience: Patience,
  io: CommandIo,
): Promise<Identity> {
  const { identity: file, name, ca } = plan;
  const isStored = await isThere(file);
  const trusted = ca === undefined ? {} : { ca };
  if (invite === undefined) {
    const stored = await readIdentity(file, askPassphrase(plan.access));
    if (ca === undefined || ca === stored.ca) return stored;
    return changed(file, { ...stored, ...trusted }, patience);
  }
  if (isStored) {
    const stored = await readIdentity(file, askPassphrase(plan.access));
    if (stored.federationId !== invite.federationId)
      throw new HanseError('identityUnreadable', {
        file,
        reason: 'it belongs to another federation; choose another --identity',
      });
    if (stored.coordinatorKey !== invite.coordinatorKey)
      throw new HanseError('coordinatorKeyMismatch', {
        pinned: stored.coordinatorKey,
        got: invite.coordinatorKey,
      });
    const moved = { ...stored, server: invite.server, ...trusted };
    if (moved.server === stored.server && moved.ca === stored.ca) return stored;
    await changed(file, moved, patience);
    io.note(`the coordinator is at ${invite.server} now`);
    return moved;
  }
  const passphrases = {
    given: await givenPassphrase(plan.access),
    ask: askPassphrase(plan.access),
  };
  let kept: KeptKey | undefined;
  const seed = async () => {
    // The key is stored before it is sent: whatever fails from here on, another try finds it enrolled.
    kept = await pendingKey(file, invite, passphrases);
    return kept.seed;
  };
  try {
    const enrolled = await admitted(plan.access, file, io, (how) =>
      enrol(invite, name, systemClock, { ...patience(trusted), ...how, seed }),
    );
    const passphrase = kept?.passphrase;
    const identity = { ...enrolled, ...trusted, ...(passphrase && { passphrase }) };
    await writeIdentity(file, identity);
    await forgetPendingKey(file);
    io.note(`enrolled; the key is in ${file}`);
    return identity;
  } catch (error) {
    // Of a key that was there, an earlier invite may be the right one; unless it is that which was refused.
    const isVain = isProblem(error, 'enrolmentRefused') || (kept?.isFresh && isEnrolmentRefused(error));
    if (isVain) await forgetPendingKey(file);
    throw error;
  }
}

/**
 * Stores what the owner has said of the coordinator, once it has answered there and been trusted so: otherwise what is
 * known stays. Throws `identityInUse`.
 */
function changed(file: string, identity: Identity, patience: Patience): Promise<Identity> {
  return whileUnused(file, identity.nodeId, async () => {
    await connect(identity, systemClock, patience(identity));
    await writeIdentity(file, identity);
    return identity;
  });
}
