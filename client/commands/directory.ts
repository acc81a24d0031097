/**
 * `hanse directory show|verify`: who is in the federation, and whether others are shown the same. SPEC.md section 4.6.
 *
 * A coordinator that shows different members to different people is found out when any two of them compare: of two
 * directories that it has signed, one must follow from the other.
 */
import { readFile } from 'node:fs/promises';
import { checkDirectory, statementSha256 } from '../../protocol/directory.ts';
import { checkSuccession } from '../../protocol/directory-succession.ts';
import { parseJson } from '../../protocol/parse.ts';
import { HanseError, isProblem } from '../../protocol/problem.ts';
import { type CommandIo, defineCommand } from '../../schemas/command.ts';
import { Directory } from '../../schemas/directory.ts';
import { directoryFile } from '../directory-file.ts';
import { type DirectoryEvent, DirectoryWatch } from '../directory-watch.ts';
import { connectAs, IDENTITY_OPTIONS, type IdentityOptions } from './identity-options.ts';
import { writeOutput } from './output-file.ts';
import { describeEvent } from './participant-report.ts';

interface ShowOptions extends IdentityOptions {
  readonly output?: string;
}

const show = defineCommand<ShowOptions>({
  summary: 'show the signed directory, checked against the one that is pinned',
  options: [
    { flags: '-o, --output <file>', description: 'write it, for others to compare: it holds no secret' },
    ...IDENTITY_OPTIONS,
  ],
  examples: [
    ['hanse directory show', 'organisations and nodes, and the hash that all members should see'],
    ['hanse directory show --identity .hanse/node/identity.json -o directory.json', 'as a participant'],
  ],
  async run({ options }, io) {
    const { identity, api } = await connectAs(options, io.signal);
    const pin = directoryFile(options.identity, identity);
    const observe = (event: DirectoryEvent) => {
      io.note(describeEvent(event));
      io.event(event);
    };
    const watch = await DirectoryWatch.open({ api, member: identity, pin, observe });
    await watch.follow(undefined, io.signal);
    const directory = watch.pinned;
    if (!directory) throw new Error('unreachable: it has been followed');
    const { version, issuedAt } = directory.statement;
    const sha256 = await statementSha256(directory.statement);
    io.print(`directory ${version} of ${issuedAt}, SHA-256 ${sha256}`);
    printOrganisations(directory, io);
    const { output } = options;
    if (output !== undefined) await writeOutput(output, `${JSON.stringify(directory, null, 2)}\n`);
    return { version, sha256, issuedAt, directory };
  },
});

const verify = defineCommand<IdentityOptions>({
  summary: 'check that the directory which somebody else has seen is the same, or an earlier one of it',
  arguments: [{ name: '<file>', description: 'what `hanse directory show -o` wrote for somebody else' }],
  options: IDENTITY_OPTIONS,
  examples: [
    ['hanse directory verify theirs.json', 'ends with a problem if the coordinator lied to one of you'],
  ],
  async run({ args: [file = ''], options }, io) {
    const theirs = await readDirectory(file);
    const { identity, api } = await connectAs(options, io.signal);
    await checkDirectory(theirs, identity);
    const { version } = theirs.statement;
    const answer = await api.call('getDirectory', { query: { after: String(version) } });
    const ours = await checkSuccession(theirs, answer, identity);
    const sha256 = await statementSha256(theirs.statement);
    const latest = ours.statement.version;
    const relation = latest === version ? 'the same as ours' : `followed by ours, version ${latest}`;
    io.print(`directory ${version}, SHA-256 ${sha256}: ${relation}`);
    return { version, sha256, latest };
  },
});

export const directoryCommands = { show, verify };

/** Throws `directoryUnreadable`. */
async function readDirectory(file: string): Promise<Directory> {
  const unreadable = (reason: string, cause: unknown) =>
    new HanseError('directoryUnreadable', { file, reason }, { cause });
  const text = await readFile(file, 'utf8').catch((error: NodeJS.ErrnoException) => {
    throw unreadable(error.code ?? error.message, error);
  });
  try {
    return parseJson(Directory, text, 'directory');
  } catch (error) {
    throw isProblem(error) ? unreadable(error.message, error) : error;
  }
}

function printOrganisations({ organisations }: Directory, io: CommandIo): void {
  for (const { organisationId, publicKey, revokedAt, nodes } of organisations) {
    io.print(`${organisationId}${revokedAt === null ? '' : `, revoked ${revokedAt}`}  key ${publicKey}`);
    for (const { nodeId, role, validUntil, revokedAt: end } of nodes) {
      const replaced = validUntil === null ? '' : `, replaced, valid until ${validUntil}`;
      io.print(`  ${nodeId}  ${role}${end === null ? replaced : `, revoked ${end}`}`);
    }
  }
}
