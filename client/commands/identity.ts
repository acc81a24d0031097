/**
 * `hanse identity request|show|rotate`: the key of a node, as its owner sees it. SPEC.md sections 4.3, 4.5 and 4.7.
 */
import { access } from 'node:fs/promises';
import { primitives } from '#primitives';
import { formatAdmissionRequest } from '../../protocol/admission-request.ts';
import { toHex } from '../../protocol/bytes.ts';
import { nodeIdOf } from '../../protocol/identity.ts';
import { parseInviteLink } from '../../protocol/invite-link.ts';
import { succeed } from '../../protocol/key-succession.ts';
import { asUsage } from '../../protocol/parse.ts';
import { HanseError, isProblem } from '../../protocol/problem.ts';
import { type CommandOption, defineCommand } from '../../schemas/command.ts';
import { SuccessionRequest } from '../../schemas/member.ts';
import {
  forgetNextKey,
  type Identity,
  nextKey,
  pendingKey,
  readIdentity,
  withKey,
  writeIdentity,
} from '../identity.ts';
import { connectIdentity } from './identity-options.ts';

interface NodeOptions {
  readonly identity: string;
}

const IDENTITY: CommandOption = {
  flags: '--identity <file>',
  description: 'the key of the node',
  default: '.hanse/node/identity.json',
};

const request = defineCommand<NodeOptions>({
  summary: 'make the key of a node, and print what its organisation has to admit',
  arguments: [{ name: '<invite>', description: 'the invite link with which the node will join' }],
  options: [IDENTITY],
  examples: [
    [
      'hanse identity request "http://127.0.0.1:8790/#invite=..."',
      'then: hanse organisation admit <what it printed>',
    ],
  ],
  async run({ args: [link = ''], options: { identity: file } }, io) {
    const invite = asUsage(() => parseInviteLink(link));
    const isThere = await access(file).then(
      () => true,
      () => false,
    );
    if (isThere)
      throw new HanseError('identityUnreadable', {
        file,
        reason: 'it holds the key of a member already; choose another --identity',
      });
    const { publicKey } = await primitives.signer((await pendingKey(file, invite)).reveal());
    const word = formatAdmissionRequest({ ...invite, publicKey: toHex(publicKey) });
    const { organisationId, role } = invite;
    io.print(word);
    io.note(
      `for whoever keeps the key of ${organisationId}: hanse organisation admit; then join with --admission`,
    );
    return { request: word, nodeId: await nodeIdOf(publicKey), organisationId, role };
  },
});

const show = defineCommand<NodeOptions>({
  summary: 'show who an identity file makes you; nothing secret',
  options: [IDENTITY],
  examples: [['hanse identity show', 'node, organisation, role, federation and keys']],
  async run({ options: { identity: file } }, io) {
    const { seed, ...known } = await readIdentity(file);
    const shown = { ...known, publicKey: toHex((await primitives.signer(seed.reveal())).publicKey) };
    for (const [name, value] of Object.entries(shown)) io.print(`${name.padEnd(16)} ${value}`);
    return shown;
  },
});

const rotate = defineCommand<NodeOptions & { readonly overlap: number }>({
  summary: 'replace the key of a node; one that runs goes on with the new key',
  options: [
    IDENTITY,
    {
      flags: '--overlap <seconds>',
      description: 'how long the old key goes on being accepted',
      kind: 'integer',
      default: 86_400,
      schema: SuccessionRequest.properties.overlapSeconds,
    },
  ],
  examples: [
    ['hanse identity rotate', 'from time to time; what was begun with the old key is finished with it'],
    ['hanse identity rotate --overlap 0', 'if the old key may be known to others; then tell the operator'],
  ],
  async run({ options: { identity: file, overlap: overlapSeconds } }, io) {
    const old = await readIdentity(file);
    // On disk before it is named: whatever fails from here on, another try names the same.
    const next = await withKey(old, await nextKey(file, old));
    const { byOld, byNew, publicKey } = await succession(old, next);
    const body = { publicKey, byOld, byNew, overlapSeconds };
    const oldKeyValidUntil = await announce(body, { old, next }, io.signal);
    await writeIdentity(file, next);
    await forgetNextKey(file);
    io.print(`${next.nodeId} takes the place of ${old.nodeId}`);
    if (oldKeyValidUntil !== null) io.note(`the old key is accepted until ${oldKeyValidUntil}`);
    return { nodeId: next.nodeId, replaces: old.nodeId, oldKeyValidUntil };
  },
});

async function succession(old: Identity, next: Identity) {
  const newKey = await primitives.signer(next.seed.reveal());
  const signed = await succeed(await primitives.signer(old.seed.reveal()), newKey, old);
  return { ...signed, publicKey: toHex(newKey.publicKey) };
}

/**
 * Until when the old key is accepted. Null if it is not any more: an earlier try had named the new key, which is a
 * member, and was cut off before it could store it.
 */
async function announce(
  body: SuccessionRequest,
  { old, next }: { readonly old: Identity; readonly next: Identity },
  signal: AbortSignal,
): Promise<string | null> {
  try {
    const api = await connectIdentity(old, signal);
    const receipt = await api.call('succeedKey', { body });
    if (receipt.nodeId === next.nodeId) return receipt.oldKeyValidUntil;
    throw new HanseError('coordinatorMisbehaved', { what: 'it took another key for the next one' });
  } catch (error) {
    if (!isProblem(error, 'keyRetired')) throw error;
    const api = await connectIdentity(next, signal);
    await api.call('getDirectory', { query: {} }).catch(() => {
      throw error;
    });
    return null;
  }
}

export const identityCommands = { request, show, rotate };
