/**
 * `hanse invite`: a link with which one node joins.
 */
import { formatInviteLink } from '../../protocol/invite-link.ts';
import { parse } from '../../protocol/parse.ts';
import { defineCommand } from '../../schemas/command.ts';
import { InviteRequest, type Role } from '../../schemas/member.ts';
import { connectAs, IDENTITY_OPTIONS, type IdentityOptions } from './identity-options.ts';

interface InviteOptions extends IdentityOptions {
  readonly organisation: string;
  readonly role: Role;
  readonly lifetime: number;
  readonly needsApproval?: boolean;
}

export const inviteCommand = defineCommand<InviteOptions>({
  summary: 'make an invite link for one node',
  options: [
    {
      flags: '--organisation <id>',
      description: 'whose node it will be, e.g. clinic.example',
      required: true,
      schema: InviteRequest.properties.organisationId,
    },
    {
      flags: '--role <role>',
      description: 'what it may do: hanse policy explain --role',
      choices: ['participant', 'evaluator', 'researcher', 'partner', 'auditor', 'operator'],
      default: 'participant',
    },
    {
      flags: '--lifetime <seconds>',
      description: 'until when it can be used',
      kind: 'integer',
      default: 86_400,
      schema: InviteRequest.properties.lifetimeSeconds,
    },
    { flags: '--needs-approval', description: 'wait with the enrolment for `hanse member approve`' },
    ...IDENTITY_OPTIONS,
  ],
  examples: [
    ['hanse invite --organisation clinic.example', 'for a participant, valid for a day'],
    ['hanse invite --organisation lab.example --role researcher', 'for somebody who proposes jobs'],
    ['hanse invite --organisation audit.example --role auditor', 'for somebody who asks the log'],
    ['hanse invite --organisation lab.example --needs-approval', 'you will see who uses it, and decide'],
  ],
  async run({ options }, io) {
    const { organisation, role, lifetime, needsApproval = false } = options;
    const { identity, api } = await connectAs(options, io.signal);
    const request = { role, organisationId: organisation, lifetimeSeconds: lifetime, needsApproval };
    const invite = await api.call('createInvite', { body: parse(InviteRequest, request, 'invite') });
    const { server, publicServer = server, federationId, coordinatorKey } = identity;
    const link = formatInviteLink({
      server: publicServer,
      token: invite.token,
      federationId,
      coordinatorKey,
      organisationId: organisation,
      role,
    });
    io.print(link);
    io.note(
      `for one ${role} of ${organisation}, until ${invite.expiresAt}; send it over a channel you trust`,
    );
    if (needsApproval) io.note('whoever uses it waits for you: hanse member waiting');
    return { link, role, organisationId: organisation, expiresAt: invite.expiresAt };
  },
});
