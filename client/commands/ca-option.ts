/**
 * The option that names the certificates which a coordinator is trusted by, in place of the authorities of the machine.
 */
import type { CommandOption } from '../../schemas/command.ts';

export const CA_OPTION: CommandOption = {
  flags: '--ca <pem>',
  description: 'trust these certificates, and no others, for the TLS of the coordinator',
};
