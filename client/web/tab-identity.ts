/**
 * Who this browser is in the federation, kept from visit to visit. SPEC.md section 4.5.
 *
 * The key is stored before it is sent, so that an answer lost on the way does not spend the invite: another try finds
 * it enrolled. One browser is one member of the federation that its coordinator serves; with another invite it first
 * has to be forgotten, because a key once lost cannot be had again.
 */
import { type Static, Type } from 'typebox';
import type { Clock } from '../../protocol/clock.ts';
import type { InviteLink } from '../../protocol/invite-link.ts';
import { parse } from '../../protocol/parse.ts';
import type { Signer } from '../../protocol/primitives.ts';
import { HanseError, isProblem } from '../../protocol/problem.ts';
import { membership } from '../../schemas/identity-file.ts';
import { FederationId, PublicKey } from '../../schemas/ids.ts';
import { type ConnectionOptions, enrolSigner, isEnrolmentRefused } from '../enrol.ts';
import type { Membership } from '../membership.ts';
import { makeTabKey, parseTabKey, signerOf, type TabKey } from './tab-key.ts';
import { TAB_STORAGE, type TabStore } from './tab-store.ts';
import { RECORD_VERSION, readRecord } from './versioned-record.ts';

const closed = { additionalProperties: false } as const;

const Member = Type.Object(membership, closed);

const Pending = Type.Object({ federationId: FederationId, coordinatorKey: PublicKey }, closed);

/** A member and the key with which it signs. */
export interface TabIdentity {
  readonly member: Membership;
  readonly signer: Signer;
  /** Where the key lies: see `tab-key.ts`. */
  readonly keyKind: TabKey['kind'];
}

const MEMBER = 'member';
const PENDING = 'pending';

/**
 * Undefined where this browser is no member yet.
 * @throws `browserStorageNewer`, `identityUnreadable`, and what the store throws
 */
export async function readTabIdentity(store: TabStore): Promise<TabIdentity | undefined> {
  const record = await readRecord(store, MEMBER);
  if (!record) return undefined;
  const member: Static<typeof Member> = readable(() => parse(Member, record.member, 'member'));
  return identityOf(member, parseTabKey(record.key));
}

/**
 * Enrols this browser by an invite, and keeps what is needed to come back.
 * @throws `identityInUse` if it is another member already; as `enrolSigner`; what the store throws: nothing is sent that
 *   could not be stored
 */
export async function enrolTab(
  link: InviteLink,
  name: string,
  { store, clock, ...options }: { readonly store: TabStore; readonly clock: Clock } & ConnectionOptions,
): Promise<TabIdentity> {
  if (await readRecord(store, MEMBER)) throw new HanseError('identityInUse', { file: TAB_STORAGE });
  let kept: PendingKeys | undefined;
  const pending = async () => {
    kept ??= await pendingKeys(store, link);
    return kept;
  };
  try {
    const member = await enrolSigner(link, name, async () => signerOf((await pending()).node), clock, {
      ...options,
      organisation: async () => signerOf((await pending()).organisation),
    });
    const { node, organisation } = await pending();
    const record = { version: RECORD_VERSION, member, key: node, organisationKey: organisation };
    await store.writeAll({ [MEMBER]: record, [PENDING]: undefined });
    return await identityOf(member, node);
  } catch (error) {
    const isVain = isProblem(error, 'enrolmentRefused') || (kept?.isFresh && isEnrolmentRefused(error));
    if (isVain) await store.remove([PENDING]);
    throw error;
  }
}

interface PendingKeys {
  readonly node: TabKey;
  /** Of an organisation whose first node this is. */
  readonly organisation: TabKey;
  /** Nobody else has seen them yet. */
  readonly isFresh: boolean;
}

/** The keys that an earlier try has left for this federation, or fresh ones, which are stored before they are used. */
async function pendingKeys(store: TabStore, link: InviteLink): Promise<PendingKeys> {
  const { federationId, coordinatorKey } = link;
  const record = await readRecord(store, PENDING);
  if (record) {
    const of = readable(() => parse(Pending, record.of, 'pending key'));
    if (of.federationId === federationId && of.coordinatorKey === coordinatorKey)
      return {
        node: parseTabKey(record.key),
        organisation: parseTabKey(record.organisationKey),
        isFresh: false,
      };
  }
  // One of another federation, whose invite was never used, is good for nothing here.
  const [node, organisation] = await Promise.all([makeTabKey(), makeTabKey()]);
  await store.write(PENDING, {
    version: RECORD_VERSION,
    of: { federationId, coordinatorKey },
    key: node,
    organisationKey: organisation,
  });
  return { node, organisation, isFresh: true };
}

async function identityOf(member: Membership, key: TabKey): Promise<TabIdentity> {
  return { member, signer: await signerOf(key), keyKind: key.kind };
}

function readable<T>(read: () => T): T {
  try {
    return read();
  } catch (cause) {
    const reason = (cause as Error).message;
    throw new HanseError('identityUnreadable', { file: TAB_STORAGE, reason }, { cause });
  }
}
