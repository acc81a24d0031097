/**
 * `hanse token create|list|revoke`: API tokens for scripts, which an operator issues for people. SPEC.md section 4.11.
 */
import { ACTIONS } from '../../protocol/actions.ts';
import { parse } from '../../protocol/parse.ts';
import { systemClock } from '../../protocol/primitives/system-clock.ts';
import { HanseError } from '../../protocol/problem.ts';
import { defineCommand } from '../../schemas/command.ts';
import { PersonId, type Token, TokenId, TokenRequest } from '../../schemas/person.ts';
import { connectAs, IDENTITY_OPTIONS, type IdentityOptions } from './identity-options.ts';

const DAY_SECONDS = 86_400;

interface CreateOptions extends IdentityOptions {
  readonly person: string;
  readonly name: string;
  readonly action: readonly string[];
  readonly days: number;
}

const create = defineCommand<CreateOptions>({
  summary: 'issue an API token for a person, and print it: it is told nowhere else',
  options: [
    {
      flags: '--person <id>',
      description: 'whose it is (hanse person list)',
      required: true,
      schema: PersonId,
    },
    {
      flags: '--name <name>',
      description: 'what it is for',
      required: true,
      schema: TokenRequest.properties.name,
    },
    {
      flags: '--action <name>',
      description: 'what it may do, if its person may; several times (protocol/ACCESS.md)',
      kind: 'strings',
      required: true,
    },
    {
      flags: '--days <n>',
      description: 'until it expires; 90 at most',
      kind: 'integer',
      default: 30,
    },
    ...IDENTITY_OPTIONS,
  ],
  examples: [
    [
      'hanse token create --person 7d4c1f2a90b35e6880aa1b2c3d4e5f60 --name "nightly report" --action readLog --action listJobs',
      'sent as Authorization: Bearer <token>',
    ],
  ],
  async run({ options }, io) {
    const { person: personId, name, action: scopes, days } = options;
    for (const scope of scopes)
      if (!Object.hasOwn(ACTIONS, scope))
        throw new HanseError('usage', { reason: `--action ${scope.slice(0, 40)}: there is no such action` });
    const request = { personId, name, scopes: [...scopes], lifetimeSeconds: days * DAY_SECONDS };
    const body = parse(TokenRequest, request, 'token');
    const { api } = await connectAs(options, io.signal);
    const issued = await api.call('createToken', { body });
    io.print(issued.token);
    io.note(
      `for ${personId}, until ${issued.expiresAt}; told here alone. To end it: hanse token revoke ${issued.tokenId}`,
    );
    return { ...issued };
  },
});

const list = defineCommand<IdentityOptions>({
  summary: 'list the API tokens, without what they are',
  options: IDENTITY_OPTIONS,
  examples: [['hanse token list', 'with the day on which each was used last']],
  async run({ options }, io) {
    const { api } = await connectAs(options, io.signal);
    const { tokens } = await api.call('listTokens', {});
    if (tokens.length === 0) io.print('there are none');
    const now = new Date(systemClock.now()).toISOString();
    for (const token of tokens) {
      const { tokenId, personId, name, scopes, lastUsed } = token;
      io.print(`${tokenId}  ${stateOf(token, now)}  ${name}`);
      io.print(`  of ${personId}, for ${scopes.join(', ')}; used last: ${lastUsed ?? 'never'}`);
    }
    return { tokens };
  },
});

const revoke = defineCommand<IdentityOptions>({
  summary: 'end an API token, at once',
  arguments: [{ name: '<token>', description: 'its id: 32 hex digits (hanse token list)', schema: TokenId }],
  options: IDENTITY_OPTIONS,
  examples: [['hanse token revoke 7d4c1f2a90b35e6880aa1b2c3d4e5f60', 'by the id, not by the token itself']],
  async run({ args, options }, io) {
    const [tokenId = ''] = args;
    const { api } = await connectAs(options, io.signal);
    await api.call('revokeToken', { params: { tokenId } });
    io.print(`${tokenId} is revoked`);
    return { tokenId };
  },
});

export const tokenCommands = { create, list, revoke };

function stateOf({ revokedAt, expiresAt }: Token, now: string): string {
  if (revokedAt !== null) return 'revoked';
  return expiresAt <= now ? 'expired' : `until ${expiresAt}`;
}
