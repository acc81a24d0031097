/**
 * The options by which a node that enrols is admitted by its organisation. SPEC.md sections 4.3 and 4.6.
 */
import { rm } from 'node:fs/promises';
import { parseAdmission } from '../../protocol/admission.ts';
import type { Signer } from '../../protocol/primitives.ts';
import { HanseError, isProblem } from '../../protocol/problem.ts';
import type { CommandIo, CommandOption } from '../../schemas/command.ts';
import type { Admission } from '../../schemas/node-proof.ts';
import { type EnrolmentOptions, isEnrolmentRefused, type OnceTrusted } from '../enrol.ts';
import { makeOrganisationKey, readOrganisationKey } from '../organisation-key.ts';
import { unlessMissing } from '../private-file.ts';

export interface AdmissionOptions {
  readonly organisationKey?: string;
  readonly admission?: string;
}

export const ADMISSION_OPTIONS: readonly CommandOption[] = [
  {
    flags: '--organisation-key <file>',
    description: 'admit the node with this key (hanse organisation new-key)',
  },
  {
    flags: '--admission <word>',
    description: 'the node was admitted elsewhere (hanse organisation admit)',
  },
];

/** The form alone is looked at: a request, which looks alike, is what is given most easily in its place. Throws `usage`. */
function admissionOf(word: string): Admission {
  try {
    return parseAdmission(word);
  } catch (cause) {
    if (!isProblem(cause, 'invalidFormat')) throw cause;
    const reason = '--admission takes the word that `hanse organisation admit` printed, whole';
    throw new HanseError('usage', { reason }, { cause });
  }
}

/**
 * Calls `enrolWith` with what admits the node. Where nothing is given, that is a key of its own for the organisation,
 * which is kept beside the identity: the first node brings its organisation with it. It is made once the coordinator has
 * proved who it is, and goes again if that refuses the enrolment.
 * @param identity path of the identity file
 * @throws `usage`, `organisationKeyUnreadable`, and what `enrolWith` throws
 */
export async function admitted<T>(
  { organisationKey, admission }: AdmissionOptions,
  identity: string,
  io: Pick<CommandIo, 'note'>,
  enrolWith: (how: Pick<EnrolmentOptions, 'organisation' | 'onPending'>) => Promise<T>,
): Promise<T> {
  const onPending = () =>
    io.note('the operator has to approve this enrolment; it is asked for again until that is done');
  const enrolBy = (organisation: OnceTrusted<Signer> | Admission) => enrolWith({ organisation, onPending });
  if (organisationKey !== undefined && admission !== undefined)
    throw new HanseError('usage', { reason: 'give --organisation-key or --admission, not both' });
  if (organisationKey !== undefined) return enrolBy(await readOrganisationKey(organisationKey));
  if (admission !== undefined) return enrolBy(admissionOf(admission));
  const file = `${identity}.organisation`;
  let isMade = false;
  const keyOf = async () => {
    const kept = await readOrganisationKey(file).catch(unlessMissing);
    if (kept) return kept;
    const key = await makeOrganisationKey(file);
    isMade = true;
    return key;
  };
  try {
    const result = await enrolBy(keyOf);
    io.note(`the key of the organisation is in ${file}: it admits further nodes, so keep it elsewhere`);
    return result;
  } catch (error) {
    // No organisation has one that was made now. One that was there is kept: it has no successor, and the coordinator
    // alone says that it is the wrong one.
    if (isMade && isEnrolmentRefused(error)) await rm(file, { force: true });
    throw error;
  }
}
