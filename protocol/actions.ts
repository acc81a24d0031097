/**
 * What principals do at a coordinator, by the names that policies know: SPEC.md 4.10. Every route of `routes.ts` names one of them.
 *
 * An action is done on a resource. Whoever may not see a resource is told that there is none, so that ids of others tell nothing;
 * whoever sees it and may not do this with it is refused, and told which policies say so.
 */

/** Kinds of resources, as policies name them. */
export type ResourceType = 'Federation' | 'Job' | 'Member' | 'Organisation';

export interface Action {
  readonly summary: string;
  readonly on: ResourceType;
}

export const ACTIONS = {
  inviteMember: { summary: 'make invites', on: 'Federation' },
  decideEnrolments: { summary: 'see who waits to become a member, and decide it', on: 'Federation' },
  revokeMember: { summary: 'end the membership of a node', on: 'Member' },
  forgetMember: { summary: 'erase what says that entries of the log are about a member', on: 'Member' },
  revokeOrganisation: { summary: 'end the membership of an organisation', on: 'Organisation' },
  readDirectory: { summary: 'read the signed directory', on: 'Federation' },
  listMembers: { summary: 'see the members, with what they say of themselves', on: 'Federation' },
  succeedKey: { summary: 'name the key that takes the place of its own', on: 'Federation' },
  reportCapabilities: { summary: 'say what its node can do', on: 'Federation' },
  takeTasks: { summary: 'ask what there is to do', on: 'Federation' },
  exchangeLetters: {
    summary: 'leave letters for other organisations, and read those for its own',
    on: 'Federation',
  },
  storeContent: { summary: 'store graphs and initial models', on: 'Federation' },
  sendContent: { summary: 'send content in chunks', on: 'Federation' },
  readContent: { summary: 'fetch graphs and models of jobs that it sees', on: 'Federation' },
  createJob: { summary: 'start jobs', on: 'Federation' },
  listJobs: { summary: 'list the jobs that it sees', on: 'Federation' },
  readJob: { summary: 'see a job, its rounds, records and models', on: 'Job' },
  cancelJob: { summary: 'end a job', on: 'Job' },
  contribute: { summary: 'take part in the rounds of a job', on: 'Job' },
  decline: { summary: 'say that it takes no part in a round', on: 'Job' },
  evaluate: { summary: 'deliver metrics of a model', on: 'Job' },
  witnessLog: { summary: 'cosign checkpoints of the audit log', on: 'Federation' },
  readLog: { summary: 'read entries of the audit log', on: 'Federation' },
  queryLog: { summary: 'ask the audit log for entries, with what their salted fields are', on: 'Federation' },
  readPolicies: { summary: 'read the policies, and how they came about', on: 'Federation' },
  managePeople: {
    summary: 'invite people, give them links to sign in, and end what they may do',
    on: 'Federation',
  },
  listPeople: { summary: 'see the people, and who they are', on: 'Federation' },
  manageTokens: { summary: 'issue API tokens for people, list and revoke them', on: 'Federation' },
  manageOwnAccount: {
    summary: 'sign out, and look after its own sessions, passkeys and tokens; for people alone',
    on: 'Federation',
  },
  changePolicies: { summary: 'propose policies, approve and withdraw them', on: 'Federation' },
} as const satisfies Record<string, Action>;

export type ActionName = keyof typeof ACTIONS;

/** Whoever may do this with a resource sees it; the others are told that it is not there. */
export const SEEING: Readonly<Record<Exclude<ResourceType, 'Federation'>, ActionName>> = {
  Job: 'readJob',
  Member: 'readDirectory',
  Organisation: 'readDirectory',
};

/** Which nobody is asked for who they are: what is public, and how one becomes a member. */
export const OPEN_ACTIONS = ['readFederation', 'enrol', 'readCheckpoints', 'answerStream', 'signIn'] as const;
export type OpenAction = (typeof OPEN_ACTIONS)[number];
