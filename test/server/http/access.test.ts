// covers: server/access/access-control.ts, server/access/access-matrix.ts
/**
 * Every cell of the matrix of roles and routes over real HTTP: what a role may not do is refused or not there, and everything else
 * comes as far as its handler.
 */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { ACTIONS, type ActionName } from '../../../protocol/actions.ts';
import { utf8 } from '../../../protocol/bytes.ts';
import { isDecided, ROUTES, type Route, type RouteName } from '../../../protocol/routes.ts';
import type { Role } from '../../../schemas/member.ts';
import { permittedIn, ROLES, SITUATIONS } from '../../../server/access/access-matrix.ts';
import { Authorizer } from '../../../server/access/authorizer.ts';
import type { Node } from '../../fixtures/federation.ts';
import { type ListeningApp, listeningApp } from '../../fixtures/listening-app.ts';
import { FORWARD_GRAPH, INITIAL_MODEL } from '../../fixtures/manifest.ts';
import { type Answer, expectProblem } from '../../fixtures/signed-client.ts';
import { hashOf } from '../../fixtures/vector-files.ts';

let listening: ListeningApp;
const callers = new Map<Role, Node>();
/** What a caller of `own.example` meets, by kind of resource and situation. */
const places = new Map<string, Readonly<Record<string, string>>>();

beforeAll(async () => {
  listening = await listeningApp({ participants: 0 });
  const { federation } = listening;
  for (const role of ROLES) callers.set(role, await federation.enrol(`own ${role}`, role, 'own.example'));
  const others = await federation.enrol("others' researcher", 'researcher', 'other.example');
  const stranger = await federation.enrol("others' participant", 'participant', 'other.example');
  await federation.storeContent();
  for (const content of [FORWARD_GRAPH, INITIAL_MODEL])
    federation.coordinator.nameable.hold('other.example', hashOf(content));
  const jobOf = async (author: Node, size = 1) => {
    const body = federation.manifest({ cohort: { size, minimum: size } });
    return (await federation.call('createJob', author, { body })).jobId;
  };
  const ended = async (jobId: string, author: Node) => {
    await federation.call('cancelJob', author, { params: { jobId } });
    return { jobId };
  };
  const own = callers.get('researcher') as Node;
  places.set('Job created', await ended(await jobOf(own), own));
  places.set("Job others'", await ended(await jobOf(others), others));
  const asked = await jobOf(others);
  await federation.appear([callers.get('participant') as Node]);
  expect(federation.coordinator.job(asked).state.cohort).toHaveLength(1);
  places.set('Job asked', await ended(asked, others));
  // It waits for more participants than there are.
  places.set('Job open to all', { jobId: await jobOf(others, 8) });
  places.set('Member own', { nodeId: (await federation.enrol('own', 'participant', 'own.example')).nodeId });
  places.set("Member others'", { nodeId: stranger.nodeId });
  places.set('Organisation own', { organisationId: 'own.example' });
  places.set("Organisation others'", { organisationId: 'other.example' });
  places.set('Federation all', {});
});
afterAll(() => listening.close());

const params = {
  sha256: '0'.repeat(64),
  base: '1'.repeat(64),
  jobId: 'job-0000000000000000',
  uploadId: '0'.repeat(32),
  offset: '0',
  round: '1',
  attempt: '1',
  signature: '0'.repeat(128),
  nodeId: '0'.repeat(32),
  organisationId: 'nobody.example',
  place: '000',
  version: '9',
  personId: '0'.repeat(32),
  sessionId: '0'.repeat(32),
  tokenId: '0'.repeat(32),
  credentialId: '0'.repeat(32),
};

/** The made-up rest of a request leads to nothing: what is permitted changes nothing. */
const call = (role: Role, name: RouteName, at: Readonly<Record<string, string>>): Promise<Answer> => {
  const { body }: Route = ROUTES[name];
  const sent = body === 'binary' ? utf8('bytes') : body ? {} : undefined;
  return listening.call(callers.get(role) as Node, name, { params: { ...params, ...at }, body: sent });
};

const decided = (Object.entries(ROUTES) as [RouteName, Route][])
  .filter(([, route]) => isDecided(route))
  .map(([name, { action }]) => ({ name, action: action as ActionName }));
const cells = decided.flatMap(({ name, action }) =>
  ROLES.flatMap((role) =>
    Object.keys(SITUATIONS[ACTIONS[action].on]).map((situation) => ({ name, action, role, situation })),
  ),
);
const defaults = Authorizer.ofDefaults();
const isPermitted = (role: Role, action: ActionName, situation: string) =>
  permittedIn(defaults, role, action).includes(situation);

test('the matrix has permissions and refusals of every role', () => {
  for (const role of ROLES) {
    const own = cells.filter((cell) => cell.role === role);
    const permitted = own.filter(({ action, situation }) => isPermitted(role, action, situation)).length;
    expect(permitted, role).toBeGreaterThan(5);
    expect(own.length - permitted, role).toBeGreaterThan(5);
  }
});

describe.each(ROLES)('a %s', (role) => {
  test.each(cells.filter((cell) => cell.role === role && cell.name !== 'cancelJob'))(
    '$name, $situation',
    async ({ name, action, situation }) => {
      await expectCell(role, name, action, situation);
    },
  );
});

/** Last, as it ends the job that is open to all. */
test.each(ROLES.filter((role) => !isPermitted(role, 'cancelJob', 'open to all')))(
  'cancelJob by a %s',
  async (role) => {
    for (const situation of Object.keys(SITUATIONS.Job))
      await expectCell(role, 'cancelJob', 'cancelJob', situation);
  },
);
test('cancelJob by an operator', async () => {
  const { jobId = '' } = places.get('Job open to all') ?? {};
  expect(listening.federation.coordinator.job(jobId).state.phase).toBe('recruiting');
  for (const situation of Object.keys(SITUATIONS.Job))
    await expectCell('operator', 'cancelJob', 'cancelJob', situation);
  expect(listening.federation.coordinator.job(jobId).state.phase).toBe('cancelled');
});

async function expectCell(role: Role, name: RouteName, action: ActionName, situation: string): Promise<void> {
  const { on } = ACTIONS[action];
  const at = places.get(`${on} ${situation}`);
  if (!at) throw new Error(`no such place: ${on} ${situation}`);
  const answer = await call(role, name, at);
  if (isPermitted(role, action, situation)) {
    expect([200, 400, 404, 409, 416]).toContain(answer.status);
    expect(answer.json).not.toMatchObject({ code: 'accessRefused' });
    if (at.jobId) expect(answer.json).not.toMatchObject({ code: 'jobUnknown' });
    return;
  }
  if (on === 'Job' && !isPermitted(role, 'readJob', situation)) {
    // Word for word what is said of a job that never was.
    const never = expectProblem(await call(role, name, { jobId: params.jobId }), 'jobUnknown', 404);
    const said = JSON.stringify(expectProblem(answer, 'jobUnknown', 404));
    expect(said.replaceAll(at.jobId ?? '', params.jobId)).toBe(JSON.stringify(never));
    return;
  }
  const { particulars } = expectProblem(answer, 'accessRefused', 403);
  expect(particulars).toEqual({ action, role, policies: 'none permits it' });
}

describe('what one may not see', () => {
  test('is not in the list of jobs either', async () => {
    const listed = async (role: Role) => {
      const { json } = await listening.call(callers.get(role) as Node, 'listJobs');
      return (json as { jobs: { jobId: string }[] }).jobs.map(({ jobId }) => jobId).sort();
    };
    const idsOf = (...situations: string[]) =>
      situations.map((name) => places.get(`Job ${name}`)?.jobId).sort();
    expect(await listed('operator')).toEqual(idsOf('created', 'asked', 'open to all', "others'"));
    expect(await listed('researcher')).toEqual(idsOf('created', 'asked'));
    expect(await listed('partner')).toEqual(idsOf('created', 'asked'));
  });
});

describe('content of a job that one may not see', () => {
  test('is not there, though its hash may stand in the log; where another job names it, it is', async () => {
    const { federation } = listening;
    const others = await federation.enrol("others' researcher", 'researcher', 'other.example');
    const sha256 = hashOf(INITIAL_MODEL);
    const fetch = async (role: Role) => (await call(role, 'getBlob', { sha256 })).status;
    // All jobs here begin with the same model.
    expect([await fetch('researcher'), await fetch('partner'), await fetch('auditor')]).toEqual([
      200, 200, 200,
    ]);
    const lonely = await federation.enrol('lonely', 'partner', 'lonely.example');
    const asked = await listening.call(lonely, 'getBlob', { params: { sha256 } });
    const never = await listening.call(lonely, 'getBlob', { params: { sha256: 'f'.repeat(64) } });
    const said = JSON.stringify(expectProblem(asked, 'blobUnknown', 404));
    expect(said.replaceAll(sha256, 'f'.repeat(64))).toBe(
      JSON.stringify(expectProblem(never, 'blobUnknown', 404)),
    );
    expect((await listening.call(others, 'getBlob', { params: { sha256 } })).status).toBe(200);
  });
});

describe('a policy that forbids', () => {
  test('is named to whoever was refused, and to nobody else', async () => {
    const { federation } = listening;
    const { policies } = federation.coordinator;
    const { text } = policies.told();
    const night =
      '@id("no-letters") forbid (principal in Hanse::Role::"partner", action == Hanse::Action::"exchangeLetters", resource);';
    await federation.call('proposePolicies', federation.operator, {
      body: { text: `${text}\n${night}`, note: 'night', after: 0 },
    });
    const refused = expectProblem(await call('partner', 'listLetters', {}), 'accessRefused', 403);
    expect(refused.particulars).toMatchObject({ action: 'exchangeLetters', policies: 'no-letters' });
    expect((await call('researcher', 'listLetters', {})).status).toBe(200);
    // Where the refused thing is not there for the caller, no policy is told.
    const absent = expectProblem(
      await call('partner', 'getJob', places.get("Job others'") ?? {}),
      'jobUnknown',
      404,
    );
    expect(JSON.stringify(absent)).not.toContain('polic');
  });
});
