/**
 * `hanse organisation new-key|admit`: what whoever keeps the key of an organisation does with it. SPEC.md section 4.6.
 * Neither command needs a network.
 */
import { admit, formatAdmission } from '../../protocol/admission.ts';
import { parseAdmissionRequest } from '../../protocol/admission-request.ts';
import { hexBytes, toHex } from '../../protocol/bytes.ts';
import { nodeIdOf } from '../../protocol/identity.ts';
import { asUsage } from '../../protocol/parse.ts';
import { defineCommand } from '../../schemas/command.ts';
import { makeOrganisationKey, readOrganisationKey } from '../organisation-key.ts';

const KEY_FILE = '.hanse/organisation.key';

const newKey = defineCommand<{ readonly output: string }>({
  summary: 'make the key with which an organisation admits its nodes',
  options: [
    { flags: '-o, --output <file>', description: 'where to keep it; it is secret', default: KEY_FILE },
  ],
  examples: [['hanse organisation new-key -o clinic.key', 'on a machine that is no node, if there is one']],
  async run({ options: { output } }, io) {
    const organisationKey = toHex((await makeOrganisationKey(output)).publicKey);
    io.print(organisationKey);
    io.note(
      `the public key of your organisation, by which others may know it; the secret one is in ${output}`,
    );
    return { organisationKey, file: output };
  },
});

const admitCommand = defineCommand<{ readonly organisationKey: string }>({
  summary: 'admit a node to your organisation, and print the word that says so',
  arguments: [{ name: '<request>', description: 'what `hanse identity request` printed on the node' }],
  options: [
    {
      flags: '--organisation-key <file>',
      description: 'the key of your organisation',
      default: KEY_FILE,
    },
  ],
  examples: [
    [
      `hanse organisation admit ${[
        'fed-0123456789abcdef',
        'ab'.repeat(32),
        'clinic.example',
        'participant',
        'cd'.repeat(32),
      ].join(':')}`,
      'for `hanse join --admission`',
    ],
  ],
  async run({ args: [word = ''], options }, io) {
    const request = asUsage(() => parseAdmissionRequest(word));
    const organisation = await readOrganisationKey(options.organisationKey);
    const admission = formatAdmission(await admit(request, request, organisation));
    const { organisationId, role, federationId, publicKey } = request;
    const nodeId = await nodeIdOf(hexBytes(publicKey));
    io.print(admission);
    io.note(`node ${nodeId} may be a ${role} of ${organisationId} in ${federationId}`);
    return { admission, nodeId, organisationId, role, federationId };
  },
});

export const organisationCommands = { newKey, admit: admitCommand };
