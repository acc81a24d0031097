/**
 * `hanse identity request|show|rotate|encrypt|decrypt`: the key of a node, as its owner sees it. SPEC.md sections 4.3,
 * 4.5 and 4.7.
 */
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
  describeIdentity,
  forgetNextKey,
  hasNextKey,
  type Identity,
  nextKey,
  pendingKey,
  readIdentity,
  withKey,
  writeIdentity,
} from '../identity.ts';
import { handOverLedgerKey } from '../ledger-key.ts';
import { askPassphrase, givenPassphrase, newPassphrase, type PassphraseSource } from '../passphrase.ts';
import { isThere } from '../private-file.ts';
import { whileUnused } from '../unused-identity.ts';
import { connectIdentity, PASSPHRASE_OPTION } from './identity-options.ts';

interface NodeOptions extends PassphraseSource {
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
  options: [IDENTITY, PASSPHRASE_OPTION],
  examples: [
    [
      'hanse identity request "http://127.0.0.1:8790/#invite=..."',
      'then: hanse organisation admit <what it printed>',
    ],
  ],
  async run({ args: [link = ''], options: { identity: file, ...source } }, io) {
    const invite = asUsage(() => parseInviteLink(link));
    if (await isThere(file))
      throw new HanseError('identityUnreadable', {
        file,
        reason: 'it holds the key of a member already; choose another --identity',
      });
    const passphrases = { given: await givenPassphrase(source), ask: askPassphrase(source) };
    const { seed } = await pendingKey(file, invite, passphrases);
    const { publicKey } = await primitives.signer(seed.reveal());
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
    const shown = await describeIdentity(file);
    for (const [name, value] of Object.entries(shown)) io.print(`${name.padEnd(16)} ${value}`);
    return shown;
  },
});

const rotate = defineCommand<NodeOptions & { readonly overlap: number }>({
  summary: 'replace the key of a node; one that runs goes on with the new key',
  options: [
    IDENTITY,
    PASSPHRASE_OPTION,
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
  async run({ options: { identity: file, overlap: overlapSeconds, ...source } }, io) {
    const old = await readIdentity(file, askPassphrase(source));
    // On disk before it is named: whatever fails from here on, another try names the same.
    const next = await nextOf(old, file);
    await handOverLedgerKey(file, old, next);
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

async function nextOf(old: Identity, file: string): Promise<Identity> {
  const next = await withKey(old, await nextKey(file, old));
  if (next.nodeId !== old.nodeId) return next;
  await forgetNextKey(file); // left behind by a rotation that was killed as its last step
  return withKey(old, await nextKey(file, old));
}

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

const encrypt = defineCommand<NodeOptions>({
  summary: 'put the key of a node under a passphrase; not while the node runs',
  options: [
    IDENTITY,
    { ...PASSPHRASE_OPTION, description: 'the passphrase to be, else HANSE_PASSPHRASE, else asked' },
  ],
  examples: [
    ['hanse identity encrypt', 'asks for a passphrase, twice'],
    [
      'hanse identity encrypt --passphrase-file /run/secrets/node',
      'from then on: hanse join --passphrase-file ...',
    ],
  ],
  async run({ options: { identity: file, ...source } }, io) {
    const { nodeId, isEncrypted } = await describeIdentity(file);
    if (isEncrypted)
      throw new HanseError('usage', { reason: `${file} is encrypted: hanse identity decrypt first` });
    const passphrase = await newPassphrase(file, source);
    // A node that runs was started without the passphrase, and could not open the key that takes the place of its own.
    await whileUnused(file, nodeId, async () => {
      const identity = await readIdentity(file);
      await refuseHalfway(file);
      await writeIdentity(file, { ...identity, passphrase });
    });
    io.print(`the key in ${file} is encrypted; nobody can restore a passphrase that is lost`);
    return { nodeId, isEncrypted: true };
  },
});

const decrypt = defineCommand<NodeOptions>({
  summary: 'keep the key of a node without a passphrase again',
  options: [IDENTITY, PASSPHRASE_OPTION],
  examples: [['hanse identity decrypt', 'asks for the passphrase']],
  async run({ options: { identity: file, ...source } }, io) {
    const { passphrase: _, ...identity } = await readIdentity(file, askPassphrase(source));
    await refuseHalfway(file);
    await writeIdentity(file, identity);
    io.print(`the key in ${file} is not encrypted; its owner alone may read it`);
    return { nodeId: identity.nodeId, isEncrypted: false };
  },
});

/** The next key is kept as the present one is, with a passphrase or without. */
async function refuseHalfway(file: string): Promise<void> {
  if (await hasNextKey(file))
    throw new HanseError('usage', { reason: 'a change of keys is under way: hanse identity rotate first' });
}

export const identityCommands = { request, show, rotate, encrypt, decrypt };
