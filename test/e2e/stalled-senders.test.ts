// covers: server/update-memory.ts, server/http/routes.ts, server/handlers.ts
/**
 * Large updates of which most have arrived and the rest does not come: the coordinator holds some of them in memory,
 * whatever their number, and takes the update of another node. SPEC.md 8.1.
 */
import { connect, type Socket } from 'node:net';
import { fileURLToPath } from 'node:url';
import { afterEach, describe, expect, test } from 'vitest';
import { primitives } from '#primitives';
import { connect as dial, enrol } from '../../client/enrol.ts';
import { nodeExchange } from '../../client/node-exchange.ts';
import { parseInviteLink } from '../../protocol/invite-link.ts';
import { systemClock } from '../../protocol/primitives/system-clock.ts';
import { planCodec } from '../../protocol/ring/width.ts';
import { attemptParams } from '../../protocol/routes.ts';
import { bytesOf, encodeHeader, HEADER_BYTES } from '../../protocol/vector.ts';
import { UPDATE_MEMORY_BYTES } from '../../server/update-memory.ts';
import type { Node } from '../fixtures/federation.ts';
import { FORWARD_GRAPH, manifestOf } from '../fixtures/manifest.ts';
import { signed } from '../fixtures/signed-client.ts';
import { hashOf, vectorFile } from '../fixtures/vector-files.ts';
import { isBuilt, within } from './hanse-process.ts';
import { isMeasurable, MB, memoryAtRest, peakMemory } from './process-memory.ts';
import { SmallFederation } from './small-federation.ts';

const BOUNDLESS = fileURLToPath(new URL('boundless-coordinator.mjs', import.meta.url));

/** An update has 12 MB; all of them together are more than twice what may be held. */
const PARAMETERS = 6_000_000;
const STALLED = 14;
/** What is held, the sum of the round, and what the collector of garbage leaves lying. */
const BOUND = UPDATE_MEMORY_BYTES + 48 * MB;

const codec = planCodec({ clipNorm: 1, cohortMax: 16, weightMax: 1, counters: 0, width: 16 });

describe.skipIf(!isBuilt || !isMeasurable)(
  'updates that stall (needs the build, and Linux)',
  { timeout: 180_000 },
  () => {
    let federation: SmallFederation;
    const sockets: Socket[] = [];
    afterEach(async () => {
      for (const socket of sockets.splice(0)) socket.destroy();
      await federation.end();
    });

    /** A job whose cohort is all nodes, and for each node what it sends to deliver its update. */
    async function collecting(preload?: string) {
      federation = new SmallFederation();
      const coordinator = await federation.serve({
        args: ['--liveness', '600', '--recruit-grace', '0'],
        ...(preload && { preload }),
      });
      const operator = await federation.api();
      const payload = bytesOf(new Float32Array(PARAMETERS));
      const initial = vectorFile(payload, {
        kind: 'parameters',
        width: 32,
        length: PARAMETERS,
        secondBlock: 0,
      });
      for (const content of [FORWARD_GRAPH, initial])
        await operator.call('putBlob', { params: { sha256: hashOf(content) }, body: content });
      const nodes: Node[] = [];
      for (let i = 0; i <= STALLED; i += 1) {
        const link = parseInviteLink(await federation.invite('participant'));
        const identity = await enrol(link, `node ${i}`, systemClock, { exchange: nodeExchange });
        const api = await dial(identity, systemClock, { exchange: nodeExchange });
        await api.call('nextTasks', { query: {} });
        const signer = await primitives.signer(identity.seed.reveal());
        nodes.push({ nodeId: identity.nodeId, role: 'participant', signer });
      }
      const manifest = manifestOf(federation.operator?.federationId ?? '', {
        initialModel: hashOf(initial),
        parameters: PARAMETERS,
        weighting: 'uniform',
        codec,
        cohort: { size: nodes.length, minimum: nodes.length },
        deadlines: { collectSeconds: 600, evaluateSeconds: 60 },
      });
      const { jobId } = await operator.call('createJob', { body: manifest });
      await federation.jobWhen(jobId, 'the cohort', ({ phase }) => phase === 'collecting');
      const update = new Uint8Array(HEADER_BYTES + 2 * PARAMETERS + 4);
      update.set(encodeHeader({ kind: 'update', width: 16, length: PARAMETERS, secondBlock: 1 }));
      update[update.length - 4] = 1; // the weight
      const params = attemptParams({ jobId, round: 1, attempt: 1 });
      const request = (node: Node) => signed(node, systemClock, 'putUpdate', { params, body: update });
      return { pid: coordinator.pid, nodes, request, url: federation.operator?.server ?? '' };
    }

    /** Sends all but the last bytes; resolves when the system has taken them, most of which the coordinator has then. */
    async function stall(url: string, { target, headers, body }: Awaited<ReturnType<typeof signed>>) {
      if (!body) throw new Error('unreachable');
      const { hostname, port } = new URL(url);
      const lines = Object.entries({ ...headers, host: hostname, 'content-length': body.length });
      const head = [`PUT ${target} HTTP/1.1`, ...lines.map(([name, value]) => `${name}: ${value}`)];
      const socket = connect(Number(port), hostname);
      sockets.push(socket);
      const sent = new Promise<void>((resolve, reject) => {
        socket.on('error', reject);
        socket.write(`${head.join('\r\n')}\r\n\r\n`);
        socket.write(body.subarray(0, -100), () => resolve());
      });
      await within('most of an update to be taken', sent, () => federation.coordinator?.said ?? '');
    }

    /** By how much memory has risen once all but one stall and that one has its receipt. */
    async function rise(preload?: string): Promise<number> {
      const { pid, nodes, request, url } = await collecting(preload);
      const [last, ...slow] = nodes as [Node, ...Node[]];
      const before = memoryAtRest(pid);
      for (const node of slow) await stall(url, await request(node));
      const { method, target, headers, body } = await request(last);
      const answer = await nodeExchange({ url: url + target, method, headers, ...(body && { body }) });
      expect(answer.status).toBe(200);
      return peakMemory(pid) - before;
    }

    test('are held within a bound, and do not keep another update from being acknowledged', async () => {
      expect(await rise()).toBeLessThan(BOUND);
    });

    test('would be seen if all were held', async () => {
      expect(await rise(BOUNDLESS)).toBeGreaterThan(BOUND);
    });
  },
);
