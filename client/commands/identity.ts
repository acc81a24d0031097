/**
 * `hanse identity request|show`: the key of a node, as its owner sees it. SPEC.md sections 4.3 and 4.5.
 */
import { access } from 'node:fs/promises';
import { primitives } from '#primitives';
import { formatAdmissionRequest } from '../../protocol/admission-request.ts';
import { toHex } from '../../protocol/bytes.ts';
import { nodeIdOf } from '../../protocol/identity.ts';
import { parseInviteLink } from '../../protocol/invite-link.ts';
import { asUsage } from '../../protocol/parse.ts';
import { HanseError } from '../../protocol/problem.ts';
import { type CommandOption, defineCommand } from '../../schemas/command.ts';
import { pendingKey, readIdentity } from '../identity.ts';

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

export const identityCommands = { request, show };
