// covers: server/http/authenticate.ts
/**
 * A request that was answered once is never answered again, though the coordinator be killed in between.
 */
import { afterAll, describe, test } from 'vitest';
import { primitives } from '#primitives';
import { systemClock } from '../../protocol/primitives/system-clock.ts';
import type { Node } from '../fixtures/federation.ts';
import { expectProblem, expectSuccess, type SignedRequest, send, signed } from '../fixtures/signed-client.ts';
import { isBuilt } from './hanse-process.ts';
import { SmallFederation } from './small-federation.ts';

describe.skipIf(!isBuilt)('a request repeated (needs the build: npm test makes it)', () => {
  const federation = new SmallFederation();
  afterAll(() => federation.end());

  test('is refused before and after kill -9 of the coordinator, and a fresh one is not', async () => {
    await federation.serve();
    const { operator } = federation;
    if (!operator) throw new Error('no operator');
    const node: Node = { ...operator, signer: await primitives.signer(operator.seed.reveal()) };
    const fresh = () => signed(node, systemClock, 'listJobs');
    const sendOn = (one: SignedRequest) => send(operator.server, one);

    const asked = await fresh();
    expectSuccess(await sendOn(asked));
    expectProblem(await sendOn(asked), 'requestReplayed', 401);

    // One whose answer may have been under way when the process died.
    const last = await fresh();
    expectSuccess(await sendOn(last));
    await federation.coordinator?.kill();
    await federation.serve();
    for (const one of [asked, last]) expectProblem(await sendOn(one), 'requestReplayed', 401);
    expectSuccess(await sendOn(await fresh()));
  });
});
