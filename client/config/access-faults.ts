/**
 * What is wrong with how a node reaches its coordinator and is let in, as its configuration file says it: proxy,
 * certificates, passphrase, and what admits it. Node only.
 */
import { parseAdmission } from '../../protocol/admission.ts';
import { HanseError } from '../../protocol/problem.ts';
import type { NodeConfig } from '../../schemas/node-config.ts';
import { readCa } from '../ca-file.ts';
import { readOrganisationKey } from '../organisation-key.ts';
import { givenPassphrase } from '../passphrase.ts';
import { isThere } from '../private-file.ts';
import { parseProxy } from '../proxy-choice.ts';
import type { ConfigFault } from './config-faults.ts';

/** @param config with absolute paths. The key of the organisation is looked at only while it is needed: until the node is enrolled */
export async function accessFaults(config: NodeConfig): Promise<ConfigFault[]> {
  const { proxy, ca, passphraseFile, admission, organisationKey, identity } = config;
  const faults: ConfigFault[] = [];
  const check = async (pointer: string, use: () => unknown) => {
    try {
      await use();
    } catch (error) {
      faults.push({ pointer, reason: `cannot be used: ${reasonOf(error)}` });
    }
  };
  if (proxy !== undefined)
    await check('/proxy', () => {
      if (parseProxy(proxy, 'it').authorization)
        throw new HanseError('usage', {
          reason:
            'it holds a password, and this file is no secret: set HTTPS_PROXY in the environment instead',
        });
    });
  if (ca !== undefined) await check('/ca', () => readCa(ca));
  if (passphraseFile !== undefined) await check('/passphraseFile', () => givenPassphrase({ passphraseFile }));
  if (admission !== undefined && organisationKey !== undefined)
    faults.push({ pointer: '/admission', reason: 'does not go with organisationKey: give one of them' });
  if (admission !== undefined) await check('/admission', () => parseAdmission(admission));
  if (organisationKey !== undefined && !(await isThere(identity)))
    await check('/organisationKey', () => readOrganisationKey(organisationKey));
  return faults;
}

/** The particulars, without the general cause. */
function reasonOf(error: unknown): string {
  if (!(error instanceof HanseError)) throw error;
  const { file, reason } = error.detail as { file?: string; reason?: string };
  if (reason === undefined) return error.message;
  return file === undefined ? reason : `${file}: ${reason}`;
}
