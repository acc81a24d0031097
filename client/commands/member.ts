/**
 * `hanse member list|show|waiting|approve|refuse|revoke|forget`: what the operator decides about members. SPEC.md sections 4.3, 4.8.
 */
import { parse } from '../../protocol/parse.ts';
import { HanseError } from '../../protocol/problem.ts';
import { type CommandArgument, type CommandOption, defineCommand } from '../../schemas/command.ts';
import type { DataTerms } from '../../schemas/data-terms.ts';
import { NodeId, OrganisationId } from '../../schemas/ids.ts';
import { type Member, Revocation } from '../../schemas/member.ts';
import { connectAs, IDENTITY_OPTIONS, type IdentityOptions } from './identity-options.ts';

const NODE: CommandArgument = {
  name: '<node>',
  description: 'id of the node: 32 hex digits (hanse member waiting)',
  schema: NodeId,
};

const REASON: CommandOption = {
  flags: '--reason <text>',
  description: 'why; kept in the records of the coordinator',
  default: 'revoked by the operator',
  schema: Revocation.properties.reason,
};

interface RevokeOptions extends IdentityOptions {
  readonly organisation?: string;
  readonly reason: string;
}

const list = defineCommand<IdentityOptions>({
  summary: 'list the members of the federation, and whether they are there',
  options: IDENTITY_OPTIONS,
  examples: [['hanse member list', 'all that ever were, in the order in which they came']],
  async run({ options }, io) {
    const { api } = await connectAs(options, io.signal);
    const { members } = await api.call('listMembers', {});
    const rows = members.map((member) => {
      const { nodeId, organisationId, role, name } = member;
      return [nodeId, stateOf(member), role, organisationId, name];
    });
    const [heading = '', ...lines] = aligned([['node', 'state', 'role', 'organisation', 'name'], ...rows]);
    io.print(heading);
    for (const [at, member] of members.entries()) {
      io.print(lines[at] ?? '');
      for (const line of abilitiesOf(member)) io.print(`  ${line}`);
    }
    return { members };
  },
});

const show = defineCommand<IdentityOptions>({
  summary: 'show a member: its keys, what it can do, and on what terms its data may be used',
  arguments: [{ ...NODE, description: 'id of the node: 32 hex digits (hanse member list)' }],
  options: IDENTITY_OPTIONS,
  examples: [['hanse member show 0123456789abcdef0123456789abcdef', 'operators see the terms of its data']],
  async run({ args, options }, io) {
    const nodeId = nodeOf(args);
    const { api } = await connectAs(options, io.signal);
    const { members } = await api.call('listMembers', {});
    const member = members.find((known) => known.nodeId === nodeId);
    if (!member) throw new HanseError('nodeUnknown', { id: nodeId });
    const { organisationId, role, name, publicKey, enrolledAt, capabilities } = member;
    io.print(`${name} (${nodeId}), ${role} of ${organisationId}: ${stateOf(member)}`);
    io.print(`  key ${publicKey}, member since ${enrolledAt}`);
    for (const line of abilitiesOf(member)) io.print(`  ${line}`);
    for (const { name: dataSet, inputShape } of capabilities?.dataSets ?? [])
      io.print(`  an example of ${dataSet} has the shape [${inputShape.join(', ')}]`);
    return member;
  },
});

const waiting = defineCommand<IdentityOptions>({
  summary: 'list who waits to become a member',
  options: IDENTITY_OPTIONS,
  examples: [['hanse member waiting', 'with the keys: compare them with what you were told otherwise']],
  async run({ options }, io) {
    const { api } = await connectAs(options, io.signal);
    const enrolments = await api.call('listEnrolments', {});
    if (enrolments.waiting.length === 0) io.print('nobody waits');
    for (const { nodeId, role, organisationId, name, isNewOrganisation, ...rest } of enrolments.waiting) {
      const organisation = isNewOrganisation ? `${organisationId} (new)` : organisationId;
      io.print([nodeId, role, organisation, name, `since ${rest.requestedAt}`].join('  '));
      io.print(`  key ${rest.publicKey}, admitted by ${rest.organisationKey}`);
    }
    return enrolments;
  },
});

const approve = defineCommand<IdentityOptions>({
  summary: 'make a member of somebody who waits',
  arguments: [NODE],
  options: IDENTITY_OPTIONS,
  examples: [['hanse member approve 0123456789abcdef0123456789abcdef', 'from now on it takes part']],
  async run({ args, options }, io) {
    const nodeId = nodeOf(args);
    const { api } = await connectAs(options, io.signal);
    await api.call('approveEnrolment', { params: { nodeId } });
    io.print(`${nodeId} is a member`);
    return { nodeId };
  },
});

const refuse = defineCommand<IdentityOptions>({
  summary: 'make no member of somebody who waits',
  arguments: [NODE],
  options: IDENTITY_OPTIONS,
  examples: [['hanse member refuse 0123456789abcdef0123456789abcdef', 'its invite is spent']],
  async run({ args, options }, io) {
    const nodeId = nodeOf(args);
    const { api } = await connectAs(options, io.signal);
    await api.call('refuseEnrolment', { params: { nodeId } });
    io.print(`${nodeId} was refused`);
    return { nodeId };
  },
});

const revoke = defineCommand<RevokeOptions>({
  summary: 'end the membership of a node or an organisation, at once',
  arguments: [
    {
      ...NODE,
      name: '[node]',
      description: 'id of the node, with all keys that it ever had (hanse member list)',
    },
  ],
  options: [
    {
      flags: '--organisation <id>',
      description: 'an organisation with all its nodes, instead of a node',
      schema: OrganisationId,
    },
    REASON,
    ...IDENTITY_OPTIONS,
  ],
  examples: [
    ['hanse member revoke 0123456789abcdef0123456789abcdef --reason "key was stolen"', 'one node'],
    ['hanse member revoke --organisation clinic.example', 'an organisation; nothing takes it back'],
  ],
  async run({ args, options }, io) {
    const { organisation: organisationId, reason } = options;
    const isNode = args.length > 0;
    if (isNode === (organisationId !== undefined))
      throw new HanseError('usage', { reason: 'give the id of a node, or --organisation' });
    const body = parse(Revocation, { reason }, 'reason');
    const { api, identity } = await connectAs(options, io.signal);
    if (args[0] === identity.nodeId || organisationId === identity.organisationId)
      throw new HanseError('usage', {
        reason: 'nobody revokes itself: another operator does; a key is replaced with hanse identity rotate',
      });
    if (organisationId !== undefined) {
      await api.call('revokeOrganisation', { params: { organisationId }, body });
      io.print(`${organisationId} and all its nodes are revoked`);
      return { organisationId, reason };
    }
    const nodeId = nodeOf(args);
    await api.call('revokeMember', { params: { nodeId }, body });
    io.print(`${nodeId} is revoked`);
    return { nodeId, reason };
  },
});

const forget = defineCommand<IdentityOptions>({
  summary: 'erase from the log what says whom its entries are about, where that is this member',
  arguments: [{ ...NODE, description: 'id of the node: 32 hex digits (hanse member list)' }],
  options: IDENTITY_OPTIONS,
  examples: [
    [
      'hanse member forget 0123456789abcdef0123456789abcdef',
      'after its membership was ended, and it has asked for it; nothing takes it back',
    ],
  ],
  async run({ args, options }, io) {
    const nodeId = nodeOf(args);
    const { api } = await connectAs(options, io.signal);
    const { erased } = await api.call('forgetMember', { params: { nodeId } });
    io.print(
      erased === 0
        ? `the log says nothing of ${nodeId} that could be erased`
        : `${erased} salt${erased === 1 ? '' : 's'} erased: of these entries nobody can say any more that they are about ${nodeId}`,
    );
    return { nodeId, erased };
  },
});

export const memberCommands = { list, show, waiting, approve, refuse, revoke, forget };

/** Its form was checked by the schema of the argument. */
function nodeOf([nodeId = '']: readonly string[]): string {
  return nodeId;
}

/** Each column as wide as its widest cell. */
function aligned(rows: readonly (readonly string[])[]): string[] {
  const widths = (rows[0] ?? []).map((_, i) => Math.max(...rows.map((row) => row[i]?.length ?? 0)));
  return rows.map((row) =>
    row
      .map((cell, i) => cell.padEnd(widths[i] ?? 0))
      .join('  ')
      .trimEnd(),
  );
}

function stateOf({ revokedAt, validUntil, live }: Member): string {
  if (revokedAt !== null) return `revoked ${revokedAt}`;
  if (validUntil !== null) return `replaced, valid until ${validUntil}`;
  return live ? 'here' : 'away';
}

/** What the node has said of itself, if anything. */
function abilitiesOf({ capabilities }: Member): string[] {
  if (!capabilities) return [];
  const { provider, memoryBytes, steps = [], dataSets } = capabilities;
  const memory = memoryBytes === undefined ? '' : `, ${(memoryBytes / 1e9).toFixed(1)} GB for a train step`;
  return [
    `trains on ${provider}${memory}`,
    ...steps.map(({ jobId, milliseconds }) => `${jobId}: ${milliseconds} ms a step`),
    ...dataSets.flatMap(({ name, version, terms }) => (terms ? [termsLine(name, version, terms)] : [])),
  ];
}

function termsLine(
  name: string,
  version: string,
  { origin, lawfulBasis, retention, contact }: DataTerms,
): string {
  return `data ${name}, version ${version}: ${origin}; ${lawfulBasis}; retention ${retention}; contact ${contact}`;
}
