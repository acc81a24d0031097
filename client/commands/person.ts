/**
 * `hanse person invite|list|link|sign-out|revoke`: what an operator decides about people. SPEC.md section 4.11.
 */
import { parse } from '../../protocol/parse.ts';
import { formatSignInLink } from '../../protocol/sign-in-link.ts';
import {
  type CommandArgument,
  type CommandIo,
  type CommandOption,
  defineCommand,
} from '../../schemas/command.ts';
import { Revocation } from '../../schemas/member.ts';
import {
  type Person,
  PersonId,
  PersonInvite,
  type PersonLink,
  type PersonRole,
} from '../../schemas/person.ts';
import { connectAs, IDENTITY_OPTIONS, type IdentityOptions } from './identity-options.ts';

const PERSON: CommandArgument = {
  name: '<person>',
  description: 'id of the person: 32 hex digits (hanse person list)',
  schema: PersonId,
};

const LIFETIME: CommandOption = {
  flags: '--lifetime <seconds>',
  description: 'until when the link can be used',
  kind: 'integer',
  default: 86_400,
  schema: PersonInvite.properties.lifetimeSeconds,
};

interface LinkOptions extends IdentityOptions {
  readonly lifetime: number;
}

interface InviteOptions extends LinkOptions {
  readonly organisation: string;
  readonly role: PersonRole;
  readonly handle: string;
  readonly name?: string;
}

interface RevokeOptions extends IdentityOptions {
  readonly reason: string;
}

const invite = defineCommand<InviteOptions>({
  summary: 'make a person known, and print the link by which they sign in',
  options: [
    {
      flags: '--organisation <id>',
      description: 'to which they belong, e.g. clinic.example',
      required: true,
      schema: PersonInvite.properties.organisationId,
    },
    {
      flags: '--role <role>',
      description: 'what they may do',
      choices: ['operator', 'partner', 'researcher', 'auditor'],
      required: true,
    },
    {
      flags: '--handle <handle>',
      description: 'short name that nobody else has: small letters, digits, dots',
      required: true,
      schema: PersonInvite.properties.handle,
    },
    { flags: '--name <name>', description: 'as they are called; else the handle' },
    LIFETIME,
    ...IDENTITY_OPTIONS,
  ],
  examples: [
    [
      'hanse person invite --organisation audit.example --role auditor --handle ada --name "Ada Lovelace"',
      'a link that works once, within a day',
    ],
  ],
  async run({ options }, io) {
    const { organisation: organisationId, role, handle, name = handle, lifetime } = options;
    const request = { organisationId, role, handle, name: name.normalize('NFC'), lifetimeSeconds: lifetime };
    const body = parse(PersonInvite, request, 'person');
    const { api, identity } = await connectAs(options, io.signal);
    return told(await api.call('invitePerson', { body }), identity, io);
  },
});

const link = defineCommand<LinkOptions>({
  summary: 'print another link for a person to sign in by; one that nobody has used ends',
  arguments: [PERSON],
  options: [LIFETIME, ...IDENTITY_OPTIONS],
  examples: [['hanse person link 7d4c1f2a90b35e6880aa1b2c3d4e5f60', 'for whoever has lost their passkey']],
  async run({ args, options }, io) {
    const { api, identity } = await connectAs(options, io.signal);
    const request = { params: { personId: personOf(args) }, body: { lifetimeSeconds: options.lifetime } };
    return told(await api.call('linkPerson', request), identity, io);
  },
});

const list = defineCommand<IdentityOptions>({
  summary: 'list the people of the federation',
  options: IDENTITY_OPTIONS,
  examples: [['hanse person list', 'whoever has a name like that of another is listed by the id']],
  async run({ options }, io) {
    const { api } = await connectAs(options, io.signal);
    const { people } = await api.call('listPeople', {});
    if (people.length === 0) io.print('nobody has been invited');
    for (const person of people) {
      const { personId, role, organisationId, handle, shownAs } = person;
      io.print(`${personId}  ${stateOf(person)}  ${role}  ${organisationId}  ${handle}  ${shownAs}`);
    }
    return { people };
  },
});

const signOut = defineCommand<IdentityOptions>({
  summary: 'end all sessions of a person, who may sign in again',
  arguments: [PERSON],
  options: IDENTITY_OPTIONS,
  examples: [['hanse person sign-out 7d4c1f2a90b35e6880aa1b2c3d4e5f60', 'a device was lost']],
  async run({ args, options }, io) {
    const personId = personOf(args);
    const { api } = await connectAs(options, io.signal);
    await api.call('endPersonSessions', { params: { personId } });
    io.print(`${personId} is signed out everywhere`);
    return { personId };
  },
});

const revoke = defineCommand<RevokeOptions>({
  summary: 'end all that a person may do, at once and for good',
  arguments: [PERSON],
  options: [
    {
      flags: '--reason <text>',
      description: 'why; kept in the records of the coordinator',
      default: 'revoked by the operator',
      schema: Revocation.properties.reason,
    },
    ...IDENTITY_OPTIONS,
  ],
  examples: [
    [
      'hanse person revoke 7d4c1f2a90b35e6880aa1b2c3d4e5f60 --reason "left the clinic"',
      'sessions and tokens end with it',
    ],
  ],
  async run({ args, options }, io) {
    const personId = personOf(args);
    const { reason } = options;
    const { api } = await connectAs(options, io.signal);
    await api.call('revokePerson', { params: { personId }, body: { reason } });
    io.print(`${personId} is revoked`);
    return { personId, reason };
  },
});

export const personCommands = { invite, list, link, signOut, revoke };

/** Its form was checked by the schema of the argument. */
function personOf([personId = '']: readonly string[]): string {
  return personId;
}

/** The link is on standard output alone. */
function told(
  { personId, token, expiresAt }: PersonLink,
  { server, publicServer = server }: { readonly server: string; readonly publicServer?: string },
  io: CommandIo,
) {
  const url = formatSignInLink(browserOrigin(publicServer), token);
  io.print(url);
  io.note(`for ${personId}, works once, until ${expiresAt}; send it over a channel you trust`);
  return { personId, link: url, expiresAt };
}

/** Passkeys have no use for an address: without TLS, on this machine, browsers say localhost. */
function browserOrigin(server: string): string {
  const url = new URL(server);
  if (url.protocol === 'http:') url.hostname = 'localhost';
  return url.origin;
}

function stateOf({ revokedAt, enrolledAt }: Person): string {
  if (revokedAt !== null) return 'revoked';
  return enrolledAt === null ? 'invited' : 'enrolled';
}
