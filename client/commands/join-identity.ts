/**
 * Who a node is when it starts: the identity that is stored, or a new one by an invite link.
 */
import type { InviteLink } from '../../protocol/invite-link.ts';
import { systemClock } from '../../protocol/primitives/system-clock.ts';
import { HanseError } from '../../protocol/problem.ts';
import type { CommandIo } from '../../schemas/command.ts';
import { type ConnectionOptions, connect, enrol } from '../enrol.ts';
import { forgetPendingKey, type Identity, pendingKey, readIdentity, writeIdentity } from '../identity.ts';
import { askPassphrase, givenPassphrase, type PassphraseSource } from '../passphrase.ts';
import { isThere } from '../private-file.ts';
import type { Trust } from '../tls-trust.ts';
import { type AdmissionOptions, admitted } from './admission-options.ts';
import type { JoinPlan } from './join-plan.ts';

/** How connections are made, once it is known whom to trust. */
export type Patience = (trust: Trust) => ConnectionOptions;

/** With the certificates that the coordinator is trusted by, what admits the node if it enrols, and what opens its key. */
export type KnownPlan = JoinPlan &
  Pick<Trust, 'ca'> & {
    readonly admittedBy: AdmissionOptions;
    readonly passphrase: PassphraseSource;
  };

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
    const stored = await readIdentity(file, askPassphrase(plan.passphrase));
    if (ca === undefined || ca === stored.ca) return stored;
    const trusting = { ...stored, ...trusted };
    await connect(trusting, systemClock, patience(trusting));
    await writeIdentity(file, trusting);
    return trusting;
  }
  if (isStored) {
    const stored = await readIdentity(file, askPassphrase(plan.passphrase));
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
    // Refuses an address at which another coordinator answers, before the one that is known is given up.
    await connect(moved, systemClock, patience(moved));
    await writeIdentity(file, moved);
    io.note(`the coordinator is at ${invite.server} now`);
    return moved;
  }
  // The key is stored before it is sent: whatever fails from here on, another try finds it enrolled.
  const passphrase = await givenPassphrase(plan.passphrase);
  const seed = await pendingKey(file, invite, passphrase);
  const enrolled = await admitted(plan.admittedBy, file, io, (how) =>
    enrol(invite, name, systemClock, { ...patience(trusted), ...how, seed }),
  );
  const identity = { ...enrolled, ...trusted, ...(passphrase && { passphrase }) };
  await writeIdentity(file, identity);
  await forgetPendingKey(file);
  io.note(`enrolled; the key is in ${file}`);
  return identity;
}
